import Foundation

public struct BatchRequest: Encodable, Sendable {
    public let chainId: Int
    /// 1..50, mined in this order
    public let operations: [BatchOperation]
    public let path: [Int]?
    /// refuse to sign when the gas of one operation could cost more; default 0.1 ether
    public let maxFee: Wei?
    public let twoFactorCode: TwoFactorCode?

    public init(
        chainId: Int, operations: [BatchOperation], path: [Int]? = nil, maxFee: Wei? = nil, twoFactorCode: TwoFactorCode? = nil
    ) {
        self.chainId = chainId
        self.operations = operations
        self.path = path
        self.maxFee = maxFee
        self.twoFactorCode = twoFactorCode
    }

    /// As it crosses the bridge.
    struct WithApproval: Encodable {
        let request: BatchRequest
        let approve: Bool?

        private enum CodingKeys: CodingKey {
            case approve
        }

        func encode(to encoder: Encoder) throws {
            try request.encode(to: encoder)
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encodeIfPresent(approve, forKey: .approve)
        }
    }
}

/// One step of a batch. Amounts are in smallest units.
public enum BatchOperation: Encodable, Sendable {
    /// native value, or a token
    case transfer(to: String, amount: Wei, token: String? = nil)
    case approve(token: String, spender: String, amount: Wei)
    case swap(router: String, tokenIn: String, tokenOut: String, amountIn: Wei, minAmountOut: Wei, deadline: Int)
    case call(to: String, value: Wei? = nil, data: String)

    public func encode(to encoder: Encoder) throws {
        try Given(arguments: members).encode(to: encoder)
    }

    private var members: [String: (any Encodable & Sendable)?] {
        switch self {
        case .transfer(let to, let amount, let token):
            return ["type": "transfer", "to": to, "amount": amount, "token": token]
        case .approve(let token, let spender, let amount):
            return ["type": "approve", "token": token, "spender": spender, "amount": amount]
        case .swap(let router, let tokenIn, let tokenOut, let amountIn, let minAmountOut, let deadline):
            return [
                "type": "swap", "router": router, "tokenIn": tokenIn, "tokenOut": tokenOut, "amountIn": amountIn,
                "minAmountOut": minAmountOut, "deadline": deadline,
            ]
        case .call(let to, let value, let data):
            return ["type": "call", "to": to, "value": value, "data": data]
        }
    }
}
