// Rollcall · BasicsTests

import Basics
import Testing

@Suite("FNV-1a")
struct FNV1aTests {
    @Test(
        arguments: [
            ("", 0xcbf2_9ce4_8422_2325), ("a", 0xaf63_dc4c_8601_ec8c), ("foobar", 0x8594_4171_f739_67e8),
            ("ü", 0x0ac2_0a07_b718_07ea),
        ] as [(String, UInt64)])
    func `The hash of a text never changes`(text: String, hash: UInt64) {
        #expect(FNV1a.hash(text.utf8) == hash)
        #expect(FNV1a.hash(Array(text.utf8)) == hash)
    }

    @Test func `All bits of a byte count`() {
        #expect(FNV1a.hash([0x00, 0xFF]) == 0x0831_c907_b4ea_2b60)
    }

    @Test func `A text that is hashed in two parts has the hash of the whole`() {
        #expect(FNV1a.hash("bar".utf8, after: FNV1a.hash("foo".utf8)) == FNV1a.hash("foobar".utf8))
        #expect(FNV1a.hash([], after: 7) == 7)
    }
}
