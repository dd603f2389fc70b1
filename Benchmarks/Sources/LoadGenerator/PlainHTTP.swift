// Rollcall · LoadGenerator

import Glibc

/// A single request outside the measurements.
public enum PlainHTTP {
    /// The status of a GET; nil without an answer within a second.
    public static func status(_ path: String, port: UInt16) -> Int? {
        guard let socket = try? Sockets.connecting(to: port, source: 1, blocking: true) else { return nil }
        defer { close(socket) }
        var patience = timeval(tv_sec: 1, tv_usec: 0)
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        let request = "GET \(path) HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
        _ = request.withCString { write(socket, $0, request.utf8.count) }
        var answer = [UInt8](repeating: 0, count: 256)
        let count = read(socket, &answer, answer.count)
        guard count > 12 else { return nil }
        return Int(String(decoding: answer[9..<12], as: UTF8.self))
    }
}
