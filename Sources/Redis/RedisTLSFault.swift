// Rollcall · Redis

/// A file of ``RedisTLS`` that cannot be used, and the cause.
package struct RedisTLSFault: Error, Hashable, Sendable, CustomStringConvertible {
    package enum File: String, Sendable {
        case authority
        case certificate
        case key
    }

    package let file: File
    /// Nil when no file was given.
    package let path: String?
    /// Completes "the file …".
    package let cause: String

    init(_ file: File, _ path: String?, _ cause: String) {
        self.file = file
        self.path = path
        self.cause = cause
    }

    package var description: String { "the \(file.rawValue) file \(path.map { "\($0) " } ?? "")\(cause)" }
}
