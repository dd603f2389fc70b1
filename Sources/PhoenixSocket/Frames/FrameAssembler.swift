// Rollcall · PhoenixSocket

package import NIOCore

/// Puts the messages of a client together from its frames, and checks the frames against RFC 6455.
///
/// NIO's decoder finds where frames begin and end, and unmasks them; all other rules are here.
package struct FrameAssembler: Sendable {
    /// One frame of a client, unmasked.
    package struct Frame: Sendable {
        package let isFinal: Bool
        /// The three bits that extensions may set.
        package let reserved: UInt8
        package let opcode: UInt8
        package let isMasked: Bool
        package let payload: ByteBuffer

        package init(isFinal: Bool, reserved: UInt8, opcode: UInt8, isMasked: Bool, payload: ByteBuffer) {
            self.isFinal = isFinal
            self.reserved = reserved
            self.opcode = opcode
            self.isMasked = isMasked
            self.payload = payload
        }
    }

    package enum Output: Equatable, Sendable {
        /// A fragment of a message that is not complete yet.
        case none
        case message(SocketFrame)
        /// To be answered with a pong that has the same bytes.
        case ping(ByteBuffer)
        case pong
        /// To be answered with the same code; nil for none.
        case close(code: UInt16?)
    }

    package enum Opcode {
        static let continuation: UInt8 = 0
        static let text: UInt8 = 1
        static let binary: UInt8 = 2
        package static let close: UInt8 = 8
        package static let ping: UInt8 = 9
        package static let pong: UInt8 = 10
    }

    /// Fragments of one message; a client of Rollcall needs no more than one.
    package static let maximumFragments = 16
    /// Bytes of a control frame (RFC 6455 §5.5).
    private static let maximumControlBytes = 125

    private let maximumFragments: Int
    private let maximumBytes: Int
    /// The kind of the message that is not complete; nil between messages.
    private var isText: Bool?
    private var message = ByteBuffer()
    private var fragments = 0

    package init(
        maximumFragments: Int = FrameAssembler.maximumFragments, maximumBytes: Int = ClientMessage.maximumBytes
    ) {
        self.maximumFragments = maximumFragments
        self.maximumBytes = maximumBytes
    }

    /// Takes the next frame.
    ///
    /// - Throws: The error with which the socket closes; no frame may be added after it.
    package mutating func add(_ frame: Frame) throws(SocketError) -> Output {
        guard frame.reserved == 0 else {
            throw SocketError(.protocolError, "No extension was negotiated, so the reserved bits are 0.")
        }
        guard frame.isMasked else { throw SocketError(.protocolError, "A client masks its frames.") }
        switch frame.opcode {
        case Opcode.text, Opcode.binary:
            guard isText == nil else {
                throw SocketError(.protocolError, "A message began before the last one had ended.")
            }
            isText = frame.opcode == Opcode.text
            return try append(frame)
        case Opcode.continuation:
            guard isText != nil else { throw SocketError(.protocolError, "A continuation continues no message.") }
            return try append(frame)
        case Opcode.close, Opcode.ping, Opcode.pong: return try control(frame)
        default: throw SocketError(.protocolError, "The opcode \(frame.opcode) is not known.")
        }
    }

    private mutating func append(_ frame: Frame) throws(SocketError) -> Output {
        fragments += 1
        guard fragments <= maximumFragments else {
            throw SocketError(.policyViolation, "A message has at most \(maximumFragments) fragments.")
        }
        guard message.readableBytes + frame.payload.readableBytes <= maximumBytes else {
            throw SocketError(.messageTooBig, "A message has at most \(maximumBytes) bytes.")
        }
        message.writeImmutableBuffer(frame.payload)
        guard frame.isFinal, let isText else { return .none }
        let bytes = Array(message.readableBytesView)
        self.isText = nil
        message = ByteBuffer()
        fragments = 0
        guard isText else { return .message(.binary(bytes)) }
        guard String(validating: bytes, as: UTF8.self) != nil else {
            throw SocketError(.invalidData, "A text message is UTF-8.")
        }
        return .message(.text(bytes))
    }

    private func control(_ frame: Frame) throws(SocketError) -> Output {
        guard frame.isFinal, frame.payload.readableBytes <= Self.maximumControlBytes else {
            throw SocketError(
                .protocolError, "A control frame has at most \(Self.maximumControlBytes) bytes, in one fragment.")
        }
        switch frame.opcode {
        case Opcode.ping: return .ping(frame.payload)
        case Opcode.pong: return .pong
        default: return .close(code: try Self.closeCode(frame.payload))
        }
    }

    /// Reads the payload of a close frame (RFC 6455 §5.5.1).
    private static func closeCode(_ payload: ByteBuffer) throws(SocketError) -> UInt16? {
        if payload.readableBytes == 0 { return nil }
        var reason = payload
        guard let code = reason.readInteger(as: UInt16.self), isSendable(code) else {
            throw SocketError(.protocolError, "A close frame begins with a code that may be sent.")
        }
        guard String(validating: reason.readableBytesView, as: UTF8.self) != nil else {
            throw SocketError(.invalidData, "The reason in a close frame is UTF-8.")
        }
        return code
    }

    /// Whether a close frame may have the code (RFC 6455 §7.4): 1004 to 1006 and 1015 are reserved.
    private static func isSendable(_ code: UInt16) -> Bool {
        switch code {
        case 1000...1003, 1007...1014, 3000...4999: true
        default: false
        }
    }
}
