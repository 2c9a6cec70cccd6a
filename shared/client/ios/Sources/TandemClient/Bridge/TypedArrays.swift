import Foundation
import JavaScriptCore

// Objective-C's JSValue knows no typed arrays; the C interface does.

extension JSContext {
    /// A Uint8Array with a copy of these bytes.
    func uint8Array(_ data: Data) -> JSValue? {
        guard let global = jsGlobalContextRef else { return nil }
        var exception: JSValueRef?
        guard let array = JSObjectMakeTypedArray(global, kJSTypedArrayTypeUint8Array, data.count, &exception), exception == nil
        else { return nil }
        if !data.isEmpty {
            guard let memory = JSObjectGetTypedArrayBytesPtr(global, array, &exception), exception == nil else { return nil }
            data.copyBytes(to: memory.assumingMemoryBound(to: UInt8.self), count: data.count)
        }
        return JSValue(jsValueRef: array, in: self)
    }
}

extension JSValue {
    /// A copy of a Uint8Array's bytes; nil for anything else.
    var uint8Data: Data? {
        guard let global = context?.jsGlobalContextRef, let value = jsValueRef else { return nil }
        var exception: JSValueRef?
        guard JSValueGetTypedArrayType(global, value, &exception) == kJSTypedArrayTypeUint8Array, exception == nil,
            let array = JSValueToObject(global, value, &exception)
        else { return nil }
        let count = JSObjectGetTypedArrayByteLength(global, array, &exception)
        if count == 0 { return exception == nil ? Data() : nil }
        // Of the buffer and not of the array: whether the array's own pointer counts its offset is not said.
        let offset = JSObjectGetTypedArrayByteOffset(global, array, &exception)
        guard let buffer = JSObjectGetTypedArrayBuffer(global, array, &exception),
            let memory = JSObjectGetArrayBufferBytesPtr(global, buffer, &exception), exception == nil
        else { return nil }
        return Data(bytes: memory.advanced(by: offset), count: count)
    }

    /// The members of an array of Uint8Arrays.
    var uint8Datas: [Data]? {
        guard isArray, let count = forProperty("length")?.toInt32() else { return nil }
        let datas = (0..<Int(count)).compactMap { atIndex($0)?.uint8Data }
        return datas.count == Int(count) ? datas : nil
    }
}
