// Rollcall · PresenceServer

import NIOCore

/// Watches the bytes of the request that is awaited, before the decoder does.
///
/// The decoder is silent until a head is complete, and its errors do not say in which line they are.
final class RequestStart: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private var isAwaited = true
    /// Whether a part of the head has come.
    private(set) var hasBegun = false
    private var hasFirstLine = false
    /// Bytes of the first line so far.
    private(set) var firstLineLength = 0
    /// The bytes that came first.
    private var first: ByteBuffer?

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if isAwaited { look(at: unwrapInboundIn(data)) }
        context.fireChannelRead(data)
    }

    private func look(at bytes: ByteBuffer) {
        // Empty lines before a request are allowed (RFC 9112, 2.2).
        let view = bytes.readableBytesView
        guard hasBegun || !view.allSatisfy({ $0 == 0x0D || $0 == 0x0A }) else { return }
        if !hasFirstLine {
            let text = hasBegun ? view : view.drop { $0 == 0x0D || $0 == 0x0A }
            let end = text.firstIndex(of: 0x0A)
            firstLineLength += text.distance(from: text.startIndex, to: end ?? text.endIndex)
            hasFirstLine = end != nil
        }
        if !hasBegun { first = bytes }
        hasBegun = true
    }

    /// A head is complete.
    func headEnded() {
        isAwaited = false
        first = nil
    }

    /// The next bytes that come begin a request.
    func expectHead() {
        isAwaited = true
        hasBegun = false
        hasFirstLine = false
        firstLineLength = 0
        first = nil
    }

    /// Whether the request is text with a method in front, so that only the method can be wrong.
    var beginsWithToken: Bool {
        guard let first else { return false }
        let text = first.readableBytesView.drop { $0 == 0x0D || $0 == 0x0A }
        let method = text.prefix { $0 != 0x20 }
        return method.count < text.count && FieldText.isToken(method)
    }

    /// Whether the first line ends with a version of HTTP that is not spoken here.
    var namesOtherVersion: Bool {
        guard let first else { return false }
        let line = first.readableBytesView.drop { $0 == 0x0D || $0 == 0x0A }.prefix { $0 != 0x0D && $0 != 0x0A }
        return String(decoding: line, as: UTF8.self).wholeMatch(of: /[^ ]+ [^ ]+ HTTP\/(?!1\.[01])\d\.\d/) != nil
    }
}
