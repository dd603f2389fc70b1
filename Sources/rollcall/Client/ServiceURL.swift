// Rollcall · rollcall

import Foundation

/// Where a Rollcall service is, and the addresses of what it has.
struct ServiceURL: Sendable, CustomStringConvertible {
    static let environmentName = "ROLLCALL_URL"
    static let fallback = "http://127.0.0.1:4000"

    /// Without a slash at its end; may have a path, behind a proxy.
    let description: String

    /// Takes the flag, else the environment, else this machine's own service.
    init(flag: String?, environment: [String: String] = ProcessInfo.processInfo.environment) throws(ProgramError) {
        let text = flag ?? environment[Self.environmentName] ?? Self.fallback
        guard let url = URL(string: text), ["http", "https"].contains(url.scheme?.lowercased()),
            url.host?.isEmpty == false, url.query == nil, url.fragment == nil, url.user == nil
        else {
            let name = flag == nil ? Self.environmentName : "--url"
            throw .usage("\(name) is \"\(text)\", but must be an http:// or https:// URL, such as \(Self.fallback).")
        }
        description = String(text.reversed().drop { $0 == "/" }.reversed())
    }

    /// The address of a topic or of something below it: `presences`, a key, a session.
    func topic(_ topic: String, _ rest: String..., query: [(String, String)] = []) -> String {
        let path = (["v1", "topics", topic] + rest).map(Self.encoded).joined(separator: "/")
        let pairs = query.map { "\(Self.encoded($0))=\(Self.encoded($1))" }.joined(separator: "&")
        return "\(description)/\(path)\(pairs.isEmpty ? "" : "?")\(pairs)"
    }

    /// Percent-encodes all but RFC 3986's unreserved characters.
    private static func encoded(_ text: String) -> String {
        var result = ""
        for byte in text.utf8 {
            let character = Character(UnicodeScalar(byte))
            if character.isASCII && (character.isLetter || character.isNumber || "-._~".contains(character)) {
                result.append(character)
            } else {
                result += byte < 16 ? "%0" : "%"
                result += String(byte, radix: 16, uppercase: true)
            }
        }
        return result
    }
}
