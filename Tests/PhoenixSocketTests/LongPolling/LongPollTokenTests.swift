// Rollcall · PhoenixSocketTests

import Basics
import Testing

@testable import PhoenixSocket

@Suite("The tokens of long-poll sessions")
struct LongPollTokenTests {
    private let token = LongPollToken(node: "node:1", session: "aBc-9_", owner: "o-1_", expiresAt: 1_000)

    /// A code that depends on each byte; a stand-in for HMAC.
    private func sign(_ bytes: [UInt8]) -> [UInt8] {
        let hash = FNV1a.hash(bytes, after: FNV1a.hash(Array("secret".utf8)))
        return hexDigits(of: hash, count: 16)
    }

    private func read(_ text: String, at now: Int = 0) -> LongPollToken? {
        LongPollToken(text, at: now, sign: sign)
    }

    @Test func `a token is read as it was written, until its end`() {
        let text = token.text(sign: sign)
        #expect(text.hasPrefix("lp_") && LongPollToken.isToken(text))
        #expect(read(text) == token && read(text, at: 999) == token)
        #expect(read(text, at: 1_000) == nil)
    }

    @Test func `each caller is another owner, with a name that needs the secret`() {
        let owners = ["user:alice", "user:alice2", "user:alic", "apikey:alice", "open", ""]
            .map { LongPollToken.owner($0, sign: sign) }
        #expect(Set(owners).count == owners.count)
        #expect(LongPollToken.owner("user:alice") { Array($0.reversed()) } != owners[0])
        #expect(!owners.contains { $0.contains(":") || $0.contains("alic") })
    }

    @Test func `a credential without an end begins a session without an end`() {
        let endless = LongPollToken(node: "ü é:", session: "s", owner: "o", expiresAt: nil)
        #expect(read(endless.text(sign: sign), at: .max) == endless)
    }

    @Test func `a text with any other byte is no token`() {
        let text = Array(token.text(sign: sign).utf8)
        for index in text.indices {
            var other = text
            other[index] = other[index] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
            #expect(read(String(decoding: other, as: UTF8.self)) == nil, "at \(index)")
            #expect(read(String(decoding: text[..<index], as: UTF8.self)) == nil, "cut at \(index)")
        }
        #expect(read(String(decoding: text, as: UTF8.self) + "A") == nil)
    }

    @Test(arguments: ["", "lp_", "lp_.", "lp_a.b", "lp_a.b.c", "eyJhbGciOiJIUzI1NiJ9.e30.x", "rk_abc", "LP_a.b"])
    func `another text is no token`(text: String) {
        #expect(read(text) == nil)
    }

    @Test func `a signed text of another form is no token`() {
        for payload in ["", "1", "1:s", "1:s:o", "x:s:o:n", "-1:s:o:n", "1.5:s:o:n"] {
            let bytes = Array(payload.utf8)
            let signed = Array("token:".utf8) + bytes
            let parts = [bytes, sign(signed)].map { String(decoding: Base64URL.encode($0), as: UTF8.self) }
            #expect(read("lp_" + parts.joined(separator: ".")) == nil, "\(payload)")
        }
    }

    @Test func `a long text is not looked at`() {
        var isSigned = false
        let long = "lp_" + String(repeating: "A", count: 2_000) + ".AAAA"
        let token = LongPollToken(long, at: 0) { bytes in
            isSigned = true
            return bytes
        }
        #expect(token == nil && !isSigned)
    }
}
