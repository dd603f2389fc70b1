// Rollcall · Basics

/// FNV-1a with 64 bits: a fast hash that is the same in every process, unlike `Hasher`.
///
/// Nodes of different versions compare these hashes, and the names of keys in Redis contain parts of them: the values
/// never change.
package enum FNV1a {
    /// The hash of no bytes.
    @inlinable package static var empty: UInt64 { 0xcbf2_9ce4_8422_2325 }

    /// Returns the hash of the bytes, or of those hashed before followed by these.
    @inlinable
    package static func hash(_ bytes: some Sequence<UInt8>, after hash: UInt64 = empty) -> UInt64 {
        var hash = hash
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
        return hash
    }
}
