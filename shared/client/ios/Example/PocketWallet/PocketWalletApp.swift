import SwiftUI

@main
struct PocketWalletApp: App {
    @State private var model = WalletModel()

    var body: some Scene {
        WindowGroup {
            WalletView(model: model)
                .task { await model.start() }
        }
    }
}
