// Rollcall · PresenceServer

import Foundation

/// A point in time that writes itself as RFC 3339 in UTC with milliseconds: `2026-02-03T04:05:06.789Z`.
struct Timestamp: Hashable, Sendable {
    /// Since 1970-01-01T00:00:00Z, leap seconds not counted.
    let milliseconds: Int64

    static var now: Timestamp { Timestamp(milliseconds: Int64(Date().timeIntervalSince1970 * 1000)) }

    func write(to bytes: inout [UInt8]) {
        let (days, millisecondOfDay) = self.milliseconds.flooredQuotientAndRemainder(dividingBy: 86_400_000)
        let (year, month, day) = Self.civil(daysSince1970: days)
        let (second, millisecond) = millisecondOfDay.quotientAndRemainder(dividingBy: 1000)
        Self.write(year, digits: 4, to: &bytes)
        bytes.append(UInt8(ascii: "-"))
        Self.write(month, digits: 2, to: &bytes)
        bytes.append(UInt8(ascii: "-"))
        Self.write(day, digits: 2, to: &bytes)
        bytes.append(UInt8(ascii: "T"))
        Self.write(second / 3600, digits: 2, to: &bytes)
        bytes.append(UInt8(ascii: ":"))
        Self.write(second / 60 % 60, digits: 2, to: &bytes)
        bytes.append(UInt8(ascii: ":"))
        Self.write(second % 60, digits: 2, to: &bytes)
        bytes.append(UInt8(ascii: "."))
        Self.write(millisecond, digits: 3, to: &bytes)
        bytes.append(UInt8(ascii: "Z"))
    }

    /// As header fields have it (RFC 9110 §5.6.7): `Tue, 03 Feb 2026 04:05:06 GMT`.
    var httpDate: String {
        let (days, millisecondOfDay) = self.milliseconds.flooredQuotientAndRemainder(dividingBy: 86_400_000)
        let (year, month, day) = Self.civil(daysSince1970: days)
        let second = millisecondOfDay / 1000
        // The first of 1970 was a Thursday.
        let weekday = Self.weekdays[Int(days.flooredQuotientAndRemainder(dividingBy: 7).1)]
        var bytes = Array("\(weekday), ".utf8)
        Self.write(day, digits: 2, to: &bytes)
        bytes += Array(" \(Self.months[Int(month) - 1]) ".utf8)
        Self.write(year, digits: 4, to: &bytes)
        for (separator, part) in [(" ", second / 3600), (":", second / 60 % 60), (":", second % 60)] {
            bytes += Array(separator.utf8)
            Self.write(part, digits: 2, to: &bytes)
        }
        return String(decoding: bytes, as: UTF8.self) + " GMT"
    }

    private static let weekdays = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    /// The proleptic Gregorian date of a day, by Howard Hinnant's `civil_from_days`.
    ///
    /// Years start in March there, so that a leap day is the last day of its year; an era is 400 years.
    private static func civil(daysSince1970 days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let (era, dayOfEra) = (days + 719_468).flooredQuotientAndRemainder(dividingBy: 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
    }

    private static func write(_ value: Int64, digits: Int, to bytes: inout [UInt8]) {
        var divisor: Int64 = 1
        for _ in 1..<digits { divisor *= 10 }
        while divisor > 0 {
            bytes.append(UInt8(ascii: "0") + UInt8(value / divisor % 10))
            divisor /= 10
        }
    }
}

extension Int64 {
    fileprivate func flooredQuotientAndRemainder(dividingBy divisor: Int64) -> (Int64, Int64) {
        let (quotient, remainder) = self.quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }
}
