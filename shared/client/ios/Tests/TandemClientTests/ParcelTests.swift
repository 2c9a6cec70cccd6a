import XCTest

@testable import TandemClient

final class ParcelTests: XCTestCase {
    func testBytesTravelBesideTheText() throws {
        let parcel = try Parcel(ToDevice.SocketMessage(socket: 3, bytes: Bytes(Data([1, 2]))))
        XCTAssertEqual(parcel.bytes, [Data([1, 2])])
        XCTAssertFalse(parcel.text.contains("AQI"))
        let heard = try Parcel(text: #"{"socket":3,"bytes":{"$bytes":0}}"#, bytes: [Data([1, 2])])
            .read(ToHost.SendSocket.self)
        XCTAssertEqual(heard.bytes.data, Data([1, 2]))
    }

    func testBytesThatAreNotThereAreRefused() {
        let parcel = Parcel(text: #"{"socket":3,"bytes":{"$bytes":1}}"#, bytes: [Data()])
        XCTAssertThrowsError(try parcel.read(ToHost.SendSocket.self))
    }

    func testAnArgumentThatIsNilIsNotGiven() throws {
        let code: TwoFactorCode? = nil
        let given = Given(arguments: ["wallet": "w", "twoFactorCode": code])
        XCTAssertEqual(try Parcel(given).text, #"{"wallet":"w"}"#)
    }

    func testAnAmountIsABigint() throws {
        XCTAssertEqual(try Parcel(XCTUnwrap(Wei("1000"))).text, #"{"$bigint":"1000"}"#)
        XCTAssertNil(Wei("-1"))
        XCTAssertNil(Wei(""))
        XCTAssertNil(Wei("1e3"))
    }

    func testWholeNumbersStayWhole() throws {
        let value = try JSONDecoder().decode(JSONValue.self, from: Data(#"{"at":1700000000,"ok":true,"no":null}"#.utf8))
        XCTAssertEqual(value["ok"], .bool(true))
        XCTAssertEqual(String(decoding: try JSONEncoder().encode(value["at"]), as: UTF8.self), "1700000000")
    }
}
