import SwiftUI
import TandemClient

struct WalletView: View {
    let model: WalletModel
    @State private var message = "Tandem signs in two halves."
    @State private var recipient = ""
    @State private var wei = "1000"

    var body: some View {
        NavigationStack {
            Form {
                if let wallet = model.wallet {
                    Section("Wallet") {
                        LabeledContent("Name", value: wallet.name)
                        Text(wallet.address).font(.footnote.monospaced()).textSelection(.enabled)
                    }
                    Section("Sign") {
                        TextField("Message", text: $message, axis: .vertical)
                        Button("Sign") { Task { await model.sign(message) } }
                    }
                    Section("Pay") {
                        TextField("To (0x…)", text: $recipient).autocorrectionDisabled()
                        TextField("Wei", text: $wei)
                        Button("Pay") { Task { await model.pay(to: recipient, wei: wei) } }
                            .disabled(recipient.isEmpty)
                    }
                } else {
                    Button("Create a wallet") { Task { await model.create() } }
                }
                Section("Status") {
                    Text(model.status).font(.footnote.monospaced()).textSelection(.enabled)
                }
            }
            .disabled(model.busy)
            .navigationTitle("Pocket")
        }
    }
}
