// Rollcall · PresenceServer

import Foundation

/// A point in time, written and read as RFC 3339: `2026-02-03T04:05:06.789Z`.
struct Timestamp: Hashable, Sendable {
    /// Since 1970-01-01T00:00:00Z, leap seconds not counted.
    let milliseconds: Int64

    /// The times that RFC 3339 can write: those of the years 0 to 9999 in UTC.
    static let writable: ClosedRange<Int64> = -62_167_219_200_000...253_402_300_799_999

    static var now: Timestamp { Timestamp(milliseconds: Int64(Date().timeIntervalSince1970 * 1000)) }

    /// Writes it in UTC, with milliseconds.
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
        var bytes: [UInt8] = []
        bytes.reserveCapacity(29)
        bytes += weekday.utf8
        bytes += ", ".utf8
        Self.write(day, digits: 2, to: &bytes)
        bytes += " ".utf8
        bytes += Self.months[Int(month) - 1].utf8
        bytes += " ".utf8
        Self.write(year, digits: 4, to: &bytes)
        for (separator, part) in [(" ", second / 3600), (":", second / 60 % 60), (":", second % 60)] {
            bytes += separator.utf8
            Self.write(part, digits: 2, to: &bytes)
        }
        bytes += " GMT".utf8
        return String(decoding: bytes, as: UTF8.self)
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

    /// The day with a date; nil for a date that the calendar does not have.
    private static func days(year: Int64, month: Int64, day: Int64) -> Int64? {
        let year = month <= 2 ? year - 1 : year
        let (era, yearOfEra) = year.flooredQuotientAndRemainder(dividingBy: 400)
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        let days = era * 146_097 + dayOfEra - 719_468
        let date = civil(daysSince1970: days)
        return date.month == month && date.day == day ? days : nil
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

extension Timestamp {
    /// Reads RFC 3339, in any zone; milliseconds are the last digits that count.
    ///
    /// Returns nil for any other text.
    ///
    /// A leap second counts as the second after it.
    init?(_ text: String) {
        let form = /(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))/
            .asciiOnlyDigits()
        guard let match = text.wholeMatch(of: form)?.output,
            let year = Int64(match.1), let month = Int64(match.2), let day = Int64(match.3), 1...12 ~= month,
            let days = Self.days(year: year, month: month, day: day),
            let hour = Int64(match.4), let minute = Int64(match.5), let second = Int64(match.6),
            hour < 24, minute < 60, second <= 60
        else { return nil }
        var minutes = days * 1440 + hour * 60 + minute
        if let sign = match.8, let hours = match.9.flatMap({ Int64($0) }), let rest = match.10.flatMap({ Int64($0) }) {
            guard hours < 24, rest < 60 else { return nil }
            minutes -= (sign == "-" ? -1 : 1) * (hours * 60 + rest)
        }
        let fraction = Int64((String(match.7 ?? "") + "000").prefix(3)) ?? 0
        let milliseconds = (minutes * 60 + second) * 1000 + fraction
        // The zone may lead out of the years that four digits can write.
        guard Self.writable.contains(milliseconds) else { return nil }
        self.init(milliseconds: milliseconds)
    }
}

extension Int64 {
    fileprivate func flooredQuotientAndRemainder(dividingBy divisor: Int64) -> (Int64, Int64) {
        let (quotient, remainder) = self.quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }
}
