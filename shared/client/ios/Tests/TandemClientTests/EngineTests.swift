import XCTest

@testable import TandemClient

/// Needs tandem-device.js in Script; no network.
final class EngineTests: XCTestCase {
    private func client() throws -> TandemClient {
        let nowhere = Configuration(baseUrl: "http://127.0.0.1:9", pin: nil, stock: 0)
        return try TandemClient(nowhere, vault: MemoryVault(), token: { "none" })
    }

    func testTheBundleStartsAndAnswers() async throws {
        let wallets = try await client().wallets()
        XCTAssertEqual(wallets, [])
    }

    func testBytesComeBackFromTheBundle() async throws {
        let kit = try await client().createRecoveryKit()
        XCTAssertEqual(kit.dk.count, 32)
        XCTAssertEqual(kit.encryptionKey.count, 2 + 66)
        let other = try await client().createRecoveryKit()
        XCTAssertNotEqual(kit.dk, other.dk)
    }

    func testAnErrorHasItsCode() async throws {
        do {
            _ = try await client().restoreDevice(content: Data([1, 2, 3]))
            XCTFail("that is no backup")
        } catch let error as TandemError {
            XCTAssertEqual(error.code, "BACKUP")
        }
    }
}
