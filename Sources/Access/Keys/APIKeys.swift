// Rollcall · Access

package import Basics
import Crypto
import Foundation
package import JSONText

/// The API keys of a node.
package struct APIKeys: Sendable {
    private let keys: [String: APIKey]

    /// No keys.
    package init() { keys = [:] }

    package var isEmpty: Bool { keys.isEmpty }

    /// Reads keys: `[{"id": "backend1", "sha256": "…", "topic_prefixes": {"": ["track:any", "see"]}}]`.
    ///
    /// - Throws: An error at the member that is wrong; it has no part of a hash.
    package init(_ json: JSON) throws(InputError) {
        let list = InputError.Location.pointer("#")
        guard let elements = json.elements else {
            throw InputError(.invalid, at: list, "API keys are an array of objects, not \(json.kind).")
        }
        var keys: [String: APIKey] = [:]
        for (index, element) in elements.enumerated() {
            let key = try APIKey(element, at: list.element(index))
            guard keys.updateValue(key, forKey: key.id) == nil else {
                throw InputError(.invalid, at: list.element(index).member("id"), "Two keys have the id \(key.id).")
            }
        }
        self.keys = keys
    }

    /// The key with a text; the error says what is wrong with the text.
    func key(of text: [UInt8], at now: Int) throws(Refusal) -> APIKey {
        guard let id = APIKey.id(in: text) else {
            throw .unauthenticated(
                detail: "An API key is rk_, 8 characters of a–z and 0–9, _, and 43 of A–Z, a–z and 0–9.")
        }
        guard let key = keys[id], key.isText(text) else {
            throw .unauthenticated(detail: "This node has no such API key.")
        }
        if let end = key.expiresAt, end <= now { throw .unauthenticated(detail: "The API key \(id) has expired.") }
        return key
    }

    /// Whether a key is still valid and has the same entry.
    func holds(_ id: String, entry: [UInt8], at now: Int) -> Bool {
        guard let key = keys[id], key.entry == entry else { return false }
        return key.expiresAt.map { $0 > now } ?? true
    }
}

extension APIKey {
    private static let own: Set = ["id", "sha256", "expires_at"]

    fileprivate init(_ json: JSON, at place: InputError.Location) throws(InputError) {
        func fault(_ member: String, _ detail: String) -> InputError {
            InputError(.invalid, at: place.member(member), detail)
        }
        guard json.isObject else {
            throw InputError(.invalid, at: place, "An API key is an object, not \(json.kind).")
        }
        guard let id = json["id"]?.string, Self.isID(id) else {
            throw fault("id", "The id of an API key has 8 characters of a–z and 0–9.")
        }
        guard let digits = json["sha256"]?.string, let digest = Self.bytes(hex: digits), digest.count == 32 else {
            throw fault(
                "sha256", "sha256 is the hash of the whole key, 64 hexadecimal digits; `rollcall apikey` makes it.")
        }
        var expiresAt: Int?
        if let value = json["expires_at"], !value.isNull {
            guard let time = try? value.string.map({ try Date($0, strategy: .iso8601) }) else {
                throw fault("expires_at", "expires_at is a time such as 2030-01-31T12:00:00Z.")
            }
            expiresAt = Int(time.timeIntervalSince1970)
        }
        self.id = id
        self.digest = digest
        entry = Array(SHA256.hash(data: json.compact))
        self.expiresAt = expiresAt
        rights = try Rights(json, of: .apiKey, at: place, ignoring: Self.own)
    }

    private static func bytes(hex digits: String) -> [UInt8]? {
        let digits = Array(digits.utf8)
        guard digits.count % 2 == 0, digits.allSatisfy({ Character(UnicodeScalar($0)).isHexDigit }) else { return nil }
        var bytes: [UInt8] = []
        for index in stride(from: 0, to: digits.count, by: 2) {
            guard let byte = UInt8(String(decoding: digits[index...(index + 1)], as: UTF8.self), radix: 16) else {
                return nil
            }
            bytes.append(byte)
        }
        return bytes
    }
}
