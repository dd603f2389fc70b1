// Rollcall · PresenceStore

package import NIOCore

extension ByteBuffer {
    /// Passes the readable bytes to `read`, in the form from which names, refs and stored values are parsed.
    package func withBytes<Value>(_ read: (UnsafeBufferPointer<UInt8>) -> Value) -> Value {
        withUnsafeReadableBytes { read($0.assumingMemoryBound(to: UInt8.self)) }
    }
}
