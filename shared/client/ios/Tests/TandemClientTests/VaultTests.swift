import XCTest

@testable import TandemClient

final class VaultTests: XCTestCase {
    func testAValueBelongsToItsName() throws {
        let content = EnclaveVault.named("wallet/a", Data([7]))
        XCTAssertEqual(try EnclaveVault.value(of: "wallet/a", in: content), Data([7]))
        XCTAssertThrowsError(try EnclaveVault.value(of: "wallet/b", in: content))
        XCTAssertThrowsError(try EnclaveVault.value(of: "wallet/", in: content))
    }

    /// Needs a Keychain: in Xcode, with a host app.
    func testTheVaultKeepsWhatItIsGiven() async throws {
        let service = "tandem.test.\(UUID().uuidString)"
        guard let vault = try? EnclaveVault(service: service, home: .software) else {
            throw XCTSkip("no Keychain for this process")
        }
        let before = try await vault.get("wallet/a")
        XCTAssertNil(before)
        try await vault.put("wallet/a", Data([1]))
        try await vault.put("wallet/a", Data([2]))
        try await vault.put("identity", Data([3]))
        let after = try await vault.get("wallet/a")
        XCTAssertEqual(after, Data([2]))
        let names = try await vault.list(prefix: "wallet/")
        XCTAssertEqual(names, ["wallet/a"])
        try await vault.delete("wallet/a")
        try await vault.delete("identity")
        let rest = try await vault.list(prefix: "")
        XCTAssertEqual(rest, [])
    }
}
