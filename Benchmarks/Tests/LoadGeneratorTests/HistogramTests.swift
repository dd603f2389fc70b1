// Rollcall · LoadGeneratorTests

import Testing

@testable import LoadGenerator

struct HistogramTests {
    @Test func `percentiles are exact to one part in 64`() {
        var histogram = Histogram()
        for value in 1...100_000 { histogram.record(UInt64(value) * 1000) }
        for part in [0.01, 0.5, 0.9, 0.99, 0.999] {
            let right = part * 100_000_000
            #expect(abs(Double(histogram.percentile(part)) - right) <= right / 64)
        }
        #expect(histogram.percentile(1) == 100_000_000)
        #expect(histogram.count == 100_000)
    }

    @Test func `a sum has the values of both`() {
        var (sum, more) = (Histogram(), Histogram())
        for value in 1...50 { sum.record(UInt64(value)) }
        for value in 51...100 { more.record(UInt64(value)) }
        sum += more
        #expect(sum.count == 100)
        #expect(sum.sum == 5_050)
        #expect(sum.largest == 100)
        #expect(sum.percentile(0.25) == 26)
        #expect(sum.percentile(1) == 100)
    }

    @Test func `a percentile without values is zero, and any value can be recorded`() {
        var histogram = Histogram()
        #expect(histogram.percentile(0.5) == 0)
        for value in [0, 1, 63, 64, 65, UInt64.max] { histogram.record(value) }
        #expect(histogram.count == 6)
        #expect(histogram.largest == .max)
    }
}
