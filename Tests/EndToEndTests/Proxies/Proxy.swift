// Rollcall · EndToEndTests

import Foundation
import LocalServices
import TestSupport
import Testing

/// A proxy that docs/operations.md configures.
enum Proxy: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case nginx, haproxy, caddy

    static let installed = allCases.filter { (try? $0.executable) != nil }
    static let missing = allCases.filter { !installed.contains($0) }

    var testDescription: String { rawValue }

    var executable: String {
        get throws { try Executables.find(rawValue, package: (apt: rawValue, brew: rawValue)) }
    }

    /// The fenced block of docs/operations.md, word by word.
    var documented: String {
        get throws {
            let page = try String(contentsOfFile: repository + "/docs/operations.md", encoding: .utf8)
            let language = self == .caddy ? "caddyfile" : rawValue
            guard let block = page.firstMatch(of: try Regex("```\(language)\n([^`]*)```")),
                let text = block.output[1].substring
            else { throw NeverHappened(description: "a block ```\(language) in docs/operations.md") }
            return String(text)
        }
    }

    /// The replacements by which each row of a table of docs/operations.md shows the service below `/presence/`.
    var edits: [[(text: String, replacement: String)]] {
        switch self {
        case .nginx:
            let location = (text: "location / {", replacement: "location /presence/ {")
            return [[location], [location, ("proxy_pass http://rollcall;", "proxy_pass http://rollcall/;")]]
        case .haproxy:
            return [[("default_backend rollcall", "use_backend rollcall if { path_beg /presence/ }")]]
        case .caddy:
            return [[("reverse_proxy node1:4000", "reverse_proxy /presence/* node1:4000")]]
        }
    }
}
