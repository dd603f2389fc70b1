// Rollcall · bench

import Glibc
import LoadGenerator

/// A temporary folder for the sockets, configurations and logs of one service.
struct Scratch {
    let path: String

    init() throws(LoadError) {
        var template = Array("/tmp/rollcall-bench-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw LoadError("no temporary folder could be made") }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        chmod(path, 0o755)
    }

    func file(_ name: String) -> String {
        "\(path)/\(name)"
    }

    func write(_ text: String, to name: String) {
        let descriptor = open(file(name), O_CREAT | O_WRONLY | O_TRUNC, 0o644)
        guard descriptor >= 0 else { return }
        _ = text.withCString { Glibc.write(descriptor, $0, text.utf8.count) }
        close(descriptor)
    }

    func remove() {
        _ = try? Child.run("/bin/rm", ["-rf", path])
    }
}
