// Rollcall · BasicsTests

import Basics
import Testing

@Suite("base64url")
struct Base64URLTests {
    @Test func `Exactly the 64 characters of the alphabet are contained`() {
        #expect(Set(Base64URL.alphabet).count == 64)
        #expect((UInt8.min...UInt8.max).filter(Base64URL.contains) == Base64URL.alphabet.sorted())
    }

    @Test(arguments: ["+", "/", "=", ".", "~", " ", "\u{7F}"])
    func `Characters of base64 and of other texts are not contained`(text: String) {
        #expect(!text.utf8.contains(where: Base64URL.contains))
    }
}
