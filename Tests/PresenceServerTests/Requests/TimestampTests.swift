// Rollcall · PresenceServerTests

import Testing

@testable import PresenceServer

@Suite("Timestamps")
struct TimestampTests {
    @Test(
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"), (1, "1970-01-01T00:00:00.001Z"), (-1, "1969-12-31T23:59:59.999Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"), (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_709_164_800_000, "2024-02-29T00:00:00.000Z"), (1_735_689_599_000, "2024-12-31T23:59:59.000Z"),
            (1_770_091_506_789, "2026-02-03T04:05:06.789Z"), (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ] as [(Int64, String)])
    func `A time is written as RFC 3339 in UTC with milliseconds`(_ milliseconds: Int64, _ text: String) {
        var bytes: [UInt8] = []
        Timestamp(milliseconds: milliseconds).write(to: &bytes)
        #expect(String(decoding: bytes, as: UTF8.self) == text)
    }

    @Test(
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("2026-02-03T04:05:06.789Z", 1_770_091_506_789),
            ("2026-02-03t04:05:06.7891234z", 1_770_091_506_789), ("2026-02-03T04:05:06.7Z", 1_770_091_506_700),
            ("2026-02-03T05:35:06.789+01:30", 1_770_091_506_789), ("2026-02-02T23:05:06.789-05:00", 1_770_091_506_789),
            ("2000-02-29T00:00:00Z", 951_782_400_000), ("2100-03-01T00:00:00+00:00", 4_107_542_400_000),
            ("1969-12-31T23:59:59.999Z", -1), ("2016-12-31T23:59:60Z", 1_483_228_800_000),
            ("0000-01-01T00:00:00Z", -62_167_219_200_000), ("9999-12-31T23:59:59.999Z", 253_402_300_799_999),
        ] as [(String, Int64)])
    func `A time is read as RFC 3339, in any zone`(_ text: String, _ milliseconds: Int64) {
        #expect(Timestamp(text)?.milliseconds == milliseconds)
    }

    @Test(arguments: [0, 1, 999, 86_400_000, 951_782_399_999, 1_770_091_506_789, 253_402_300_799_999] as [Int64])
    func `A time is read as it was written`(_ milliseconds: Int64) {
        var bytes: [UInt8] = []
        Timestamp(milliseconds: milliseconds).write(to: &bytes)
        #expect(Timestamp(String(decoding: bytes, as: UTF8.self))?.milliseconds == milliseconds)
    }

    @Test(
        arguments: [
            "", "2026-02-03", "2026-02-03T04:05Z", "2026-02-03T04:05:06", "2026-02-03 04:05:06Z", "1770091506",
            "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-02-29T00:00:00Z", "2026-04-31T00:00:00Z",
            "2026-02-00T00:00:00Z", "2026-02-03T24:00:00Z", "2026-02-03T04:60:00Z", "2026-02-03T04:05:61Z",
            "2026-02-03T04:05:06.Z", "2026-02-03T04:05:06+0100", "2026-02-03T04:05:06+24:00", " 2026-02-03T04:05:06Z",
            "2026-02-03T04:05:06Zx", "+2026-02-03T04:05:06Z", "２026-02-03T04:05:06Z",
            "0000-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01",
        ])
    func `Any other text is no time`(text: String) {
        #expect(Timestamp(text) == nil)
    }

    @Test(
        arguments: [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"), (-1, "Wed, 31 Dec 1969 23:59:59 GMT"),
            (784_111_777_000, "Sun, 06 Nov 1994 08:49:37 GMT"), (951_782_400_000, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (1_770_091_506_789, "Tue, 03 Feb 2026 04:05:06 GMT"), (1_735_689_599_000, "Tue, 31 Dec 2024 23:59:59 GMT"),
        ] as [(Int64, String)])
    func `A time is written as header fields have it`(_ milliseconds: Int64, _ text: String) {
        #expect(Timestamp(milliseconds: milliseconds).httpDate == text)
    }
}
