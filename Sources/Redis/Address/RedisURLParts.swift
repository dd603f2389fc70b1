// Rollcall · Redis

import Basics

/// The parts of a URL between its delimiters, not decoded.
struct RedisURLParts {
    let scheme: String
    let userinfo: Substring?
    let authority: Substring
    let path: Substring
    let query: Substring

    init(_ text: String) throws(RedisError) {
        let text = Self.trimmed(text)
        guard let mark = text.firstRange(of: "://") else {
            throw .invalidURL("its scheme is missing; it starts with redis://, rediss:// or redis+unix://")
        }
        guard text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f }) else {
            throw .invalidURL("it has a control character, such as the end of a line")
        }
        scheme = text[..<mark.lowerBound].lowercased()
        var rest = text[mark.upperBound...]
        guard !rest.contains("#") else { throw .invalidURL("it has a #, which is written %23") }
        if let question = rest.firstIndex(of: "?") {
            query = rest[rest.index(after: question)...]
            rest = rest[..<question]
        } else {
            query = ""
        }
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        path = rest[slash...]
        // The last @, since people paste passwords that hold one.
        if let at = rest[..<slash].lastIndex(of: "@") {
            userinfo = rest[..<at]
            authority = rest[rest.index(after: at)..<slash]
        } else {
            userinfo = nil
            authority = rest[..<slash]
            guard authority.isEmpty || !path.contains("@") && !query.contains("@") else {
                throw .invalidURL("its password has a / or a ?, which are written %2F and %3F")
            }
        }
    }

    static func decoded(_ text: Substring, of part: String) throws(RedisError) -> String {
        let decoded: String
        do {
            decoded = try PercentEncoding.decode(text)
        } catch {
            switch error {
            case .badEscape:
                throw .invalidURL(
                    "a % in its \(part) is not followed by two hexadecimal digits; a % itself is written %25")
            case .badUTF8: throw .invalidURL("the percent-encoded bytes of its \(part) are not UTF-8")
            }
        }
        guard !decoded.utf8.contains(0) else { throw .invalidURL("its \(part) has a zero byte") }
        return decoded
    }

    private static func trimmed(_ text: String) -> Substring {
        let start = text.drop { $0.isWhitespace }
        return start.lastIndex { !$0.isWhitespace }.map { start[...$0] } ?? ""
    }
}
