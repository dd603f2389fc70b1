// Rollcall · TestSupport

package import NIOCore

/// The frames of RFC 6455 §5.2, made and read without the code under test.
package enum WebSocketBytes {
    /// A frame of a server.
    package struct Frame: Hashable, Sendable {
        package let opcode: UInt8
        package let payload: [UInt8]

        package var text: String { String(decoding: payload, as: UTF8.self) }
    }

    package static let text: UInt8 = 1
    package static let close: UInt8 = 8
    package static let ping: UInt8 = 9
    package static let pong: UInt8 = 10

    /// A frame of a client, masked.
    package static func masked(
        _ payload: some Collection<UInt8>, opcode: UInt8 = WebSocketBytes.text, isFinal: Bool = true
    ) -> [UInt8] {
        let length = payload.count
        var bytes: [UInt8] = [isFinal ? 0x80 | opcode : opcode]
        switch length {
        case ..<126: bytes.append(0x80 | UInt8(length))
        case ...0xFFFF: bytes += [0x80 | 126, UInt8(length >> 8), UInt8(length & 0xFF)]
        default:
            bytes.append(0x80 | 127)
            for shift in stride(from: 56, through: 0, by: -8) { bytes.append(UInt8(length >> shift & 0xFF)) }
        }
        let mask = (0..<4).map { _ in UInt8.random(in: 0 ... .max) }
        bytes += mask
        for (index, byte) in payload.enumerated() { bytes.append(byte ^ mask[index % 4]) }
        return bytes
    }

    /// A text frame of a client.
    package static func masked(_ text: String) -> [UInt8] { masked(Array(text.utf8)) }

    /// Takes the first frame out of the bytes of a server; nil if it is not complete.
    ///
    /// - Throws: For a frame that no server sends to a client without extensions: masked, fragmented, of an opcode that
    ///   is not known.
    package static func take(from bytes: inout ByteBuffer) throws -> Frame? {
        var rest = bytes
        guard let first = rest.readInteger(as: UInt8.self), let second = rest.readInteger(as: UInt8.self) else {
            return nil
        }
        let opcode = first & 0x0F
        guard first & 0xF0 == 0x80, [1, 2, 8, 9, 10].contains(opcode), second & 0x80 == 0 else {
            throw NeverHappened(description: "a whole frame of a server, but one that begins with \(first), \(second)")
        }
        let length: Int? =
            switch second {
            case 126: rest.readInteger(as: UInt16.self).map { Int($0) }
            case 127: rest.readInteger(as: UInt64.self).map { Int($0) }
            default: Int(second)
            }
        guard let length, let payload = rest.readBytes(length: length) else { return nil }
        bytes = rest
        return Frame(opcode: opcode, payload: payload)
    }
}
