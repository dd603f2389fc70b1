// Rollcall · PresenceStore

package import NIOCore

extension ByteBuffer {
    /// Lends the readable bytes in the form that names, refs and stored values are read from.
    package func withBytes<Value>(_ read: (UnsafeBufferPointer<UInt8>) -> Value) -> Value {
        withUnsafeReadableBytes { read($0.assumingMemoryBound(to: UInt8.self)) }
    }
}
