// Rollcall · LoadGenerator

import Glibc

/// Writes requests into one growing buffer, without allocating for each.
public final class RequestWriter {
    private var storage: UnsafeMutablePointer<UInt8>
    private var capacity = 4096
    private(set) var count = 0
    private let host: String

    init(port: UInt16) {
        storage = .allocate(capacity: capacity)
        host = " HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\n"
    }

    deinit {
        storage.deallocate()
    }

    var bytes: UnsafePointer<UInt8> { UnsafePointer(storage) }

    func clear() {
        count = 0
    }

    /// Writes a whole request; the closures write its path and its body.
    public func request(
        _ method: StaticString, contentType: StaticString = "application/json", headers: String = "",
        path: (RequestWriter) -> Void, body: ((RequestWriter) -> Void)? = nil
    ) {
        text(method)
        text(" ")
        path(self)
        text(host)
        if !headers.isEmpty { text(headers) }
        guard let body else { return text("\r\n") }
        text("Content-Type: ")
        text(contentType)
        text("\r\nContent-Length:         \r\n\r\n")
        let start = count
        body(self)
        var rest = count - start
        var at = start - 5
        repeat {
            storage[at] = UInt8(48 + rest % 10)
            rest /= 10
            at -= 1
        } while rest > 0
    }

    public func text(_ text: StaticString) {
        reserve(text.utf8CodeUnitCount)
        memcpy(storage + count, text.utf8Start, text.utf8CodeUnitCount)
        count += text.utf8CodeUnitCount
    }

    public func text(_ text: String) {
        var text = text
        text.withUTF8 { bytes in
            guard let start = bytes.baseAddress else { return }
            reserve(bytes.count)
            memcpy(storage + count, start, bytes.count)
            count += bytes.count
        }
    }

    public func number(_ number: some BinaryInteger) {
        reserve(20)
        var rest = UInt64(number)
        let start = count
        repeat {
            storage[count] = UInt8(48 + rest % 10)
            count += 1
            rest /= 10
        } while rest > 0
        var digits = UnsafeMutableBufferPointer(start: storage + start, count: count - start)
        digits.reverse()
    }

    /// Writes the letter x, `more` times.
    public func filler(_ more: Int) {
        reserve(more)
        memset(storage + count, 120, more)
        count += more
    }

    private func reserve(_ more: Int) {
        guard count + more > capacity else { return }
        while count + more > capacity { capacity *= 2 }
        let larger = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
        memcpy(larger, storage, count)
        storage.deallocate()
        storage = larger
    }
}
