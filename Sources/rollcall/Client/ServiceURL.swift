// Rollcall · rollcall

import Foundation

/// The URL of a Rollcall service, and the URLs of its resources.
struct ServiceURL: Sendable, CustomStringConvertible {
    static let environmentName = "ROLLCALL_URL"
    static let fallback = "http://127.0.0.1:4000"

    /// Without a slash at its end, and without user and password; may have a path, behind a proxy.
    let description: String
    /// Whether the service speaks TLS.
    let isSecure: Bool
    /// The value of `Authorization` where the URL names a user (RFC 7617); a secret.
    let authorization: String?

    /// Takes the flag, else the environment, else ``fallback``.
    ///
    /// White space around a value is dropped, and an empty value counts as none. An error shows no user and password.
    init(flag: String?, environment: [String: String] = ProcessInfo.processInfo.environment) throws(ProgramError) {
        let given = [flag, environment[Self.environmentName]].map { text in
            text?.trimmingCharacters(in: .whitespacesAndNewlines) ?? ""
        }
        let text = given.first { !$0.isEmpty } ?? Self.fallback
        let name = given[0].isEmpty ? Self.environmentName : "--url"
        if name == "--url", Secrets.hasPassword(text) {
            throw .usage(
                "--url holds a password, which every user of this machine can read in the list of processes. "
                    + "Set \(Self.environmentName) instead.")
        }
        guard var parts = URLComponents(string: text), ["http", "https"].contains(parts.scheme?.lowercased()),
            parts.host?.isEmpty == false, parts.query == nil, parts.fragment == nil, parts.port ?? 1 > 0,
            parts.port ?? 1 <= 65_535
        else { throw Self.refusal(of: text, name) }
        isSecure = parts.scheme?.lowercased() == "https"
        authorization = try Self.authorization(parts.user, parts.password, name)
        parts.user = nil
        parts.password = nil
        guard let address = parts.string, !address.contains("@") || parts.path.contains("@") else {
            throw Self.refusal(of: text, name)
        }
        description = String(address.reversed().drop { $0 == "/" }.reversed())
    }

    private static func refusal(of text: String, _ name: String) -> ProgramError {
        let shown =
            text.contains("@") ? "something else (not shown: it may hold a password)" : "\"\(Terminal.quoted(text))\""
        let marks =
            text.contains("@") ? " Marks such as : / @ ? # % in a user or password are written %3A and so on." : ""
        return .usage("\(name) must be an http:// or https:// URL, such as \(fallback), but is \(shown).\(marks)")
    }

    private static func authorization(
        _ user: String?, _ password: String?, _ name: String
    ) throws(ProgramError) -> String? {
        guard user != nil || password != nil else { return nil }
        let user = user ?? ""
        guard !user.contains(":"), !(user + (password ?? "")).unicodeScalars.contains(where: { $0.value < 0x20 }) else {
            throw .usage("\(name): a user with a colon, or a control character, cannot be sent (RFC 7617).")
        }
        return "Basic " + Data("\(user):\(password ?? "")".utf8).base64EncodedString()
    }

    /// The URL of a topic, or of a path below it: `presences`, a key, a session.
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
