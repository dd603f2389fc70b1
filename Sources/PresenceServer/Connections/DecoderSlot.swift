// Rollcall · PresenceServer

import NIOCore
import NIOHTTP1

/// The decoder of a connection, which can be replaced.
///
/// The framework's decoder stops behind a request that offers another protocol, and cannot resume.
final class DecoderSlot {
    typealias Decoder = ByteToMessageHandler<HTTPRequestDecoder>

    private(set) var decoder = DecoderSlot.make()

    private static func make() -> Decoder {
        ByteToMessageHandler(
            HTTPRequestDecoder(
                leftOverBytesStrategy: .forwardBytes, limitConfiguration: DecoderLimits.configuration))
    }

    /// Adds a new decoder behind the present one, which leaves the pipeline and forwards its unread bytes.
    ///
    /// - Parameter onDone: Called when the old decoder has left. The new one decodes the forwarded bytes outside of a
    ///   read, so the caller must complete a read for them.
    func replace(in pipeline: ChannelPipeline.SynchronousOperations, onDone: @escaping () -> Void) throws {
        let old = decoder
        decoder = Self.make()
        try pipeline.addHandler(decoder, position: .after(old))
        pipeline.removeHandler(old).assumeIsolated().whenComplete { _ in onDone() }
    }
}
