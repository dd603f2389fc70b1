// Rollcall · rollcall

import Foundation

/// Reads a small text file that a setting names: settings, rules, a secret.
enum TextFile {
    /// Bytes of the largest file that is read.
    static let limit = 1 << 20

    /// Returns the text without a byte order mark; a pipe works too.
    ///
    /// - Parameter name: the setting, for the error; the error never holds the content.
    static func read(_ path: String, named name: String) throws(ProgramError) -> String {
        func fault(_ reason: String) -> ProgramError { .usage("\(name): the file \(path) \(reason).") }
        func cannotRead() -> ProgramError { fault("cannot be read: \(String(cString: strerror(errno)))") }
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw cannotRead() }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = Foundation.read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            if count < 0, errno == EISDIR { throw fault("is a folder") }
            guard count >= 0 else { throw cannotRead() }
            if count == 0 { break }
            bytes += buffer[..<count]
            guard bytes.count <= limit else { throw fault("has over \(limit) bytes") }
        }
        if bytes.starts(with: [0xef, 0xbb, 0xbf]) { bytes.removeFirst(3) }
        guard let text = String(validating: bytes, as: UTF8.self) else { throw fault("is no UTF-8 text") }
        return text
    }
}
