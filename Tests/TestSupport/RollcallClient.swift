// Rollcall · TestSupport

import AsyncHTTPClient
import NIOCore
import NIOHTTP1

/// Calls one node's HTTP API.
///
/// Bodies are JSON text, so that a test shows the bytes on the wire.
package struct RollcallClient: Sendable {
    /// An answer, read to its end.
    package struct Response: Sendable {
        package let status: Int
        package let headers: [(name: String, value: String)]
        package let body: [UInt8]
        package let isHTTP2: Bool

        package var text: String { String(decoding: self.body, as: UTF8.self) }

        package var json: JSONValue {
            get throws { try JSONValue(parsing: self.body) }
        }

        /// The first header of that name, in any case.
        package func header(_ name: String) -> String? {
            self.headers.first { $0.name.lowercased() == name.lowercased() }?.value
        }
    }

    /// Without a slash at the end: `http://127.0.0.1:4000`.
    package let baseURL: String
    /// The fields of each request, unless it has others of the same names.
    private let fields: [String: String]

    package init(_ baseURL: String, fields: [String: String] = [:]) {
        self.baseURL = baseURL
        self.fields = fields
    }

    package func get(_ path: String, headers: [String: String] = [:]) async throws -> Response {
        try await self.send("GET", path, headers: headers)
    }

    package func post(_ path: String, _ json: String? = nil, headers: [String: String] = [:]) async throws -> Response {
        try await self.send("POST", path, json, headers: headers)
    }

    package func put(_ path: String, _ json: String? = nil, headers: [String: String] = [:]) async throws -> Response {
        try await self.send("PUT", path, json, headers: headers)
    }

    /// Sends a merge patch.
    package func patch(_ path: String, _ json: String, headers: [String: String] = [:]) async throws -> Response {
        try await self.send(
            "PATCH", path, json,
            headers: ["Content-Type": "application/merge-patch+json"].merging(headers) { _, given in given })
    }

    package func delete(_ path: String, headers: [String: String] = [:]) async throws -> Response {
        try await self.send("DELETE", path, headers: headers)
    }

    /// Sends any request.
    ///
    /// A body is `application/json` unless `headers` has another type.
    package func send(
        _ method: String, _ path: String, _ body: String? = nil, headers: [String: String] = [:],
        timeout: Duration = giveUpTime
    ) async throws -> Response {
        var request = HTTPClientRequest(url: self.baseURL + path)
        request.method = HTTPMethod(rawValue: method)
        for (name, value) in self.fields.merging(headers, uniquingKeysWith: { _, given in given }) {
            request.headers.add(name: name, value: value)
        }
        if let body {
            request.body = .bytes(Array(body.utf8))
            if !request.headers.contains(name: "Content-Type") {
                request.headers.add(name: "Content-Type", value: "application/json")
            }
        }
        let response = try await TestHTTP.client(for: request.url).execute(request, timeout: TimeAmount(timeout))
        let bytes = try await response.body.collect(upTo: 256 << 20)
        return Response(
            status: Int(response.status.code), headers: response.headers.map { (name: $0.name, value: $0.value) },
            body: Array(buffer: bytes), isHTTP2: response.version == .http2)
    }

    /// Opens a stream; it ends with ``SSEClient/close()`` or its last reference.
    package func events(
        _ path: String, lastEventID: String? = nil, headers: [String: String] = [:], timeout: Duration = giveUpTime
    ) async throws -> SSEClient {
        try await SSEClient.open(
            self.baseURL + path, lastEventID: lastEventID,
            headers: self.fields.merging(headers, uniquingKeysWith: { _, given in given }), timeout: timeout)
    }

    /// `/v1/topics/{topic}` and the segments of `rest`, each percent-encoded.
    package static func path(topic: String, _ rest: String...) -> String {
        (["/v1/topics", Self.encoded(topic)] + rest.map(Self.encoded)).joined(separator: "/")
    }

    /// Percent-encodes everything but RFC 3986's unreserved characters, for a path segment or a query value.
    package static func encoded(_ text: String) -> String {
        var result = ""
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                result.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                result += byte < 16 ? "%0" : "%"
                result += String(byte, radix: 16, uppercase: true)
            }
        }
        return result
    }

    /// The value of a series of `/metrics`, named as it is there; nil while there is none.
    package func metric(_ series: String, headers: [String: String] = [:]) async throws -> Double? {
        let lines = try await get("/metrics", headers: headers).text.split(separator: "\n")
        return lines.first { $0.hasPrefix("\(series) ") }.flatMap { Double($0.dropFirst(series.utf8.count + 1)) }
    }
}
