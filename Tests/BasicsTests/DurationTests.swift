// Rollcall · BasicsTests

import Basics
import Testing

@Suite("Durations")
struct DurationTests {
    @Test(
        arguments: [
            (.zero, 0), (.microseconds(999), 0), (.milliseconds(1), 1), (.microseconds(2_999), 2),
            (.seconds(90), 90_000),
            (.seconds(1) + .nanoseconds(999_999_999), 1_999), (.microseconds(-1_500), -1),
        ] as [(Duration, Int)])
    func `Whole milliseconds drop fractions`(duration: Duration, milliseconds: Int) {
        #expect(duration.wholeMilliseconds == milliseconds)
    }
}
