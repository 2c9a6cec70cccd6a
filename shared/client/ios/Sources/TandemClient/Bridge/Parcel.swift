import Foundation

/// A message's content: JSON, and beside it the byte strings that `{"$bytes": n}` in it stands for. A secret never becomes text.
struct Parcel {
    let text: String
    let bytes: [Data]

    init(text: String, bytes: [Data]) {
        self.text = text
        self.bytes = bytes
    }

    init(_ value: some Encodable) throws {
        let attachments = Attachments()
        let encoder = JSONEncoder()
        encoder.userInfo[.attachments] = attachments
        text = String(decoding: try encoder.encode(value), as: UTF8.self)
        bytes = attachments.bytes
    }

    func read<Value: Decodable>(_ type: Value.Type = Value.self) throws -> Value {
        let decoder = JSONDecoder()
        decoder.userInfo[.attachments] = Attachments(bytes)
        return try decoder.decode(type, from: Data(text.utf8))
    }
}

/// The byte strings beside the JSON that is being written or read.
final class Attachments {
    var bytes: [Data]

    init(_ bytes: [Data] = []) {
        self.bytes = bytes
    }
}

extension CodingUserInfoKey {
    static let attachments = CodingUserInfoKey(rawValue: "tandem.attachments")!
}

/// Bytes in a message.
struct Bytes: Codable {
    let data: Data

    private enum CodingKeys: String, CodingKey {
        case mark = "$bytes"
    }

    init(_ data: Data) {
        self.data = data
    }

    init(from decoder: Decoder) throws {
        let at = try decoder.container(keyedBy: CodingKeys.self).decode(Int.self, forKey: .mark)
        guard let beside = decoder.userInfo[.attachments] as? Attachments, beside.bytes.indices.contains(at) else {
            throw DecodingError.dataCorrupted(.init(codingPath: decoder.codingPath, debugDescription: "no such bytes"))
        }
        data = beside.bytes[at]
    }

    func encode(to encoder: Encoder) throws {
        guard let beside = encoder.userInfo[.attachments] as? Attachments else {
            throw EncodingError.invalidValue(self, .init(codingPath: encoder.codingPath, debugDescription: "not in a parcel"))
        }
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(beside.bytes.count, forKey: .mark)
        beside.bytes.append(data)
    }
}

/// Arguments by name; one that is nil is not given.
struct Given: Encodable {
    let arguments: [String: (any Encodable & Sendable)?]

    private struct Name: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }

        init(stringValue: String) {
            self.stringValue = stringValue
        }

        init?(intValue: Int) {
            return nil
        }
    }

    func encode(to encoder: Encoder) throws {
        var container = encoder.container(keyedBy: Name.self)
        for case let (name, argument?) in arguments {
            try container.encode(argument, forKey: Name(stringValue: name))
        }
    }
}
