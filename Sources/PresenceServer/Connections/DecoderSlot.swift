// Rollcall · PresenceServer

import NIOCore
import NIOHTTP1

/// The decoder of a connection, which can be replaced.
///
/// The framework's decoder reads nothing behind a request that offers another protocol, and cannot be asked to go on.
final class DecoderSlot {
    typealias Decoder = ByteToMessageHandler<HTTPRequestDecoder>

    private(set) var decoder = DecoderSlot.make()

    private static func make() -> Decoder {
        ByteToMessageHandler(
            HTTPRequestDecoder(
                leftOverBytesStrategy: .forwardBytes, limitConfiguration: DecoderLimits.configuration))
    }

    /// Puts a new decoder behind the present one, which leaves its unread bytes to it.
    ///
    /// - Parameter onDone: Called when the old one has left the pipeline. What its bytes were decoded to has come outside of
    ///   a read, so nothing has delivered it yet.
    func replace(in pipeline: ChannelPipeline.SynchronousOperations, onDone: @escaping () -> Void) throws {
        let old = decoder
        decoder = Self.make()
        try pipeline.addHandler(decoder, position: .after(old))
        pipeline.removeHandler(old).assumeIsolated().whenComplete { _ in onDone() }
    }
}
