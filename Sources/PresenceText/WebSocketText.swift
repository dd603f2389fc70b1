// Rollcall · PresenceText

package import NIOCore

/// The frames of a server, nearly all of them texts: final and unmasked (RFC 6455 §5.2).
package enum WebSocketText {
    /// Returns the frame of a text.
    package static func frame(_ text: [UInt8]) -> ByteBuffer {
        var buffer = ByteBuffer()
        write(text, to: &buffer)
        return buffer
    }

    /// Returns a control frame.
    ///
    /// - Parameter payload: At most 125 bytes (RFC 6455 §5.5).
    package static func control(_ opcode: UInt8, _ payload: some Collection<UInt8>) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeInteger(0x80 | opcode)
        buffer.writeInteger(UInt8(payload.count))
        buffer.writeBytes(payload)
        return buffer
    }

    /// Returns the beginning of the frame of a message with this `join_ref`; the rest of the message follows it.
    package static func head(joinRef: [UInt8], before rest: ByteBuffer) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.reserveCapacity(joinRef.count + 11)
        writeHeader(length: 1 + joinRef.count + rest.readableBytes, to: &buffer)
        buffer.writeInteger(UInt8(ascii: "["))
        buffer.writeBytes(joinRef)
        return buffer
    }

    /// Returns the text of a message with this `join_ref`, without a frame.
    package static func text(joinRef: [UInt8], before rest: ByteBuffer) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.reserveCapacity(1 + joinRef.count + rest.readableBytes)
        buffer.writeInteger(UInt8(ascii: "["))
        buffer.writeBytes(joinRef)
        buffer.writeImmutableBuffer(rest)
        return buffer
    }

    /// Returns the texts of frames that this type made; they share the memory of the frames.
    package static func texts(in frames: ByteBuffer) -> [ByteBuffer] {
        var (rest, texts) = (frames, [ByteBuffer]())
        while let bits = rest.readInteger(as: UInt16.self) {
            let length: Int? =
                switch bits & 0x7F {
                case 126: rest.readInteger(as: UInt16.self).map { Int($0) }
                case 127: rest.readInteger(as: UInt64.self).map { Int($0) }
                case let short: Int(short)
                }
            guard let length, let text = rest.readSlice(length: length) else { break }
            texts.append(text)
        }
        return texts
    }

    /// Appends the frame of a text.
    static func write(_ text: [UInt8], to buffer: inout ByteBuffer) {
        buffer.reserveCapacity(buffer.writerIndex + text.count + 10)
        writeHeader(length: text.count, to: &buffer)
        buffer.writeBytes(text)
    }

    private static func writeHeader(length: Int, to buffer: inout ByteBuffer) {
        buffer.writeInteger(0x81 as UInt8)
        switch length {
        case ..<126: buffer.writeInteger(UInt8(length))
        case ...0xFFFF:
            buffer.writeInteger(126 as UInt8)
            buffer.writeInteger(UInt16(length))
        default:
            buffer.writeInteger(127 as UInt8)
            buffer.writeInteger(UInt64(length))
        }
    }
}
