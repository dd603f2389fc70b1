// Rollcall · JSONText

import Basics

/// A fault that strict readers refuse in a text that is otherwise JSON, with its place.
struct JSONFault {
    enum Kind {
        case repeatedMember
        case loneSurrogate

        var detail: String {
            switch self {
            case .repeatedMember: "An object has each member only once."
            case .loneSurrogate:
                "This text has half of a surrogate pair (\\ud800 to \\udfff), which is no character. "
                    + "Cut a text between characters; an emoji is one character of two escapes."
            }
        }
    }

    let kind: Kind
    /// The offset of the opening quote of the member's name or of the string.
    let offset: Int

    /// The most levels of a pointer; for a deeper fault it names the ancestor at this level.
    private static let maximumLevels = 64

    func error(in bytes: UnsafeBufferPointer<UInt8>, at location: InputError.Location) -> InputError {
        InputError(.invalid, at: Self.place(of: offset, in: bytes, below: location), kind.detail)
    }

    /// An array or object around the fault.
    private struct Level {
        let isObject: Bool
        var index = 0
        /// The name of the current member, between its quotes; `nil` where the next string is a name.
        var name: Range<Int>?
    }

    /// Returns the place of the name or string that opens at `offset`, found in one walk over the text before it.
    static func place(
        of offset: Int, in bytes: UnsafeBufferPointer<UInt8>, below location: InputError.Location
    ) -> InputError.Location {
        var walker = JSONWalker(bytes: bytes)
        var levels: [Level] = []
        while walker.position <= offset {
            switch walker.next {
            case UInt8(ascii: "{"): levels.append(Level(isObject: true))
            case UInt8(ascii: "["): levels.append(Level(isObject: false))
            case UInt8(ascii: "}"), UInt8(ascii: "]"): levels.removeLast()
            case UInt8(ascii: ","):
                levels[levels.count - 1].index += 1
                levels[levels.count - 1].name = nil
            case UInt8(ascii: "\""):
                let start = walker.position + 1
                walker.skipString()
                if let last = levels.indices.last, levels[last].isObject, levels[last].name == nil {
                    levels[last].name = start..<walker.position - 1
                }
                continue
            default: break
            }
            walker.position += 1
        }
        return levels.prefix(maximumLevels).reduce(location) { place, level in
            guard level.isObject else { return place.element(level.index) }
            guard let name = level.name else { return place }
            let raw = UnsafeBufferPointer(rebasing: bytes[name])
            let text = String(decoding: JSON.Text.unescape(raw), as: UTF8.self)
            return place.member(text)
        }
    }
}
