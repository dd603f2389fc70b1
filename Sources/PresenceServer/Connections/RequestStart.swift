// Rollcall · PresenceServer

import NIOCore

/// Reads the first bytes of the next request before the decoder does.
///
/// The decoder reports nothing until a head is complete, and its errors do not name the line.
final class RequestStart: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    /// Whether further bytes are dropped: they belong to no request that is read, and the decoder would keep those
    /// behind an offer of another protocol.
    var dropsBytes = false
    private var isAwaited = true
    /// Whether a part of the head has arrived.
    private(set) var hasBegun = false
    private var hasFirstLine = false
    /// Bytes of the first line so far.
    private(set) var firstLineLength = 0
    /// The first bytes of the request.
    private var first: ByteBuffer?
    /// The bytes that the decoder reads now.
    private var read: ByteBuffer?
    /// Whether `read` begins inside a request.
    private var continues = false
    /// The offset in `read` at which the last part of a body ends.
    private var bodyEnd = 0
    /// Heads and chunked bodies that ended behind `bodyEnd`, each with an empty line.
    private var emptyLines = 0

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !dropsBytes else { return }
        let bytes = unwrapInboundIn(data)
        continues = hasBegun || !isAwaited
        if isAwaited { look(at: bytes) }
        (read, bodyEnd, emptyLines) = (bytes, 0, 0)
        context.fireChannelRead(data)
        // Bytes that end with an empty line have no part of a head behind it.
        if !bytes.readableBytesView.suffix(4).elementsEqual(ByteBuffer.emptyLine) { findNextStart() }
        read = nil
    }

    /// Finds the start of a request in the bytes that also end another one.
    func findNextStart() {
        guard isAwaited, !hasBegun, var rest = read else { return }
        rest.moveReaderIndex(forwardBy: bodyEnd)
        for number in 0..<emptyLines {
            let isContinued = continues && bodyEnd == 0 && number == 0
            if !isContinued { rest.skipLineEnds() }
            if rest.skipEmptyLine() { continue }
            // The empty line began in the bytes before these. If others follow it, it is not searched for.
            guard isContinued, emptyLines == 1 else { return }
            rest.skipLineEnds()
        }
        look(at: rest)
    }

    private func look(at bytes: ByteBuffer) {
        // Empty lines before a request are allowed (RFC 9112 §2.2).
        let view = bytes.readableBytesView
        guard hasBegun || !view.allSatisfy({ $0 == 0x0D || $0 == 0x0A }) else { return }
        if !hasFirstLine {
            let text = hasBegun ? view : view.drop { $0 == 0x0D || $0 == 0x0A }
            let end = text.firstIndex(of: 0x0A)
            firstLineLength += text.distance(from: text.startIndex, to: end ?? text.endIndex)
            hasFirstLine = end != nil
        }
        if let begin = first, begin.readableBytes < 16 {
            // A client may send its request byte by byte.
            first = ByteBuffer(bytes: begin.readableBytesView + view)
        } else if !hasBegun {
            first = bytes
        }
        hasBegun = true
    }

    /// Called when a head is complete.
    func headEnded() {
        isAwaited = false
        first = nil
        emptyLines += 1
    }

    /// Called when a part of a body is decoded.
    func bodyArrived(_ bytes: ByteBuffer) {
        guard let end = read?.distance(toEndOf: bytes) else { return }
        (bodyEnd, emptyLines) = (end, 0)
    }

    /// Called when a request is decoded: the bytes behind it begin the next one.
    func expectHead(afterChunks: Bool) {
        if afterChunks { emptyLines += 1 }
        isAwaited = true
        hasBegun = false
        hasFirstLine = false
        firstLineLength = 0
        first = nil
    }

    /// Whether the request begins with a well-formed method and a space; a method that the decoder refuses is then
    /// unknown.
    var beginsWithToken: Bool {
        guard let first else { return false }
        let text = first.readableBytesView.drop { $0 == 0x0D || $0 == 0x0A }
        let method = text.prefix { $0 != 0x20 }
        return method.count < text.count && FieldText.isToken(method)
    }

    /// Whether the request begins with `HEAD` and a space.
    var isHead: Bool {
        first?.readableBytesView.drop { $0 == 0x0D || $0 == 0x0A }.starts(with: "HEAD ".utf8) == true
    }

    /// Whether the first line ends with a version of HTTP that the server does not speak.
    var namesOtherVersion: Bool {
        guard let first else { return false }
        let line = first.readableBytesView.drop { $0 == 0x0D || $0 == 0x0A }.prefix { $0 != 0x0D && $0 != 0x0A }
        return String(decoding: line, as: UTF8.self).wholeMatch(of: /[^ ]+ [^ ]+ HTTP\/(?!1\.[01])\d\.\d/) != nil
    }
}

extension ByteBuffer {
    fileprivate static let emptyLine: [UInt8] = [0x0D, 0x0A, 0x0D, 0x0A]

    fileprivate mutating func skipLineEnds() {
        moveReaderIndex(forwardBy: readableBytesView.prefix { $0 == 0x0D || $0 == 0x0A }.count)
    }

    /// Moves behind the next empty line; returns false if there is none.
    fileprivate mutating func skipEmptyLine() -> Bool {
        guard let range = readableBytesView.firstRange(of: Self.emptyLine) else { return false }
        moveReaderIndex(to: range.upperBound)
        return true
    }

    /// The distance from the first of these bytes to the end of a slice of them; nil for other bytes.
    fileprivate func distance(toEndOf slice: ByteBuffer) -> Int? {
        withUnsafeReadableBytes { own in
            slice.withUnsafeReadableBytes { part in
                guard let start = own.baseAddress, let partStart = part.baseAddress else { return nil }
                let end = partStart - start + part.count
                return partStart >= start && end <= own.count ? end : nil
            }
        }
    }
}
