// Rollcall · Access

import JSONText
import PresenceModel

extension Revocation {
    /// Makes the JSON that ``init(id:record:)`` reads.
    package func record() -> [UInt8] {
        var record = RecordWriter()
        switch target {
        case .subject(let key): record.text("sub", key.text)
        case .token(let jti): record.text("jti", jti)
        case .apiKey(let id): record.text("api_key", id)
        case .removed(let key, let session, from: let topic):
            record.text("topic", topic.text)
            record.text("key", key.text)
            if let session { record.text("session", session.text) }
        }
        record.time("made", madeAt)
        record.time("issued_before", issuedBefore)
        record.time("refuse_until", refuseUntil)
        return record.finish()
    }

    /// Reads a record; nil if Rollcall did not write it.
    package init?(id: String, record: [UInt8]) {
        guard Self.isID(id), let json = try? JSON(parsing: record), let target = Target(json),
            let madeAt = json["made"]?.seconds
        else { return nil }
        let (issuedBefore, refuseUntil) = (json["issued_before"], json["refuse_until"])
        self.init(
            id: id, target, madeAt: madeAt, issuedBefore: issuedBefore?.seconds, refuseUntil: refuseUntil?.seconds)
        guard (issuedBefore == nil) == (self.issuedBefore == nil), (refuseUntil == nil) == (self.refuseUntil == nil)
        else { return nil }
    }
}

extension Revocation.Target {
    fileprivate init?(_ json: JSON) {
        if let text = json["sub"]?.string {
            guard let key = Key(utf8: text.utf8) else { return nil }
            self = .subject(key)
        } else if let jti = json["jti"]?.string {
            self = .token(jti)
        } else if let id = json["api_key"]?.string {
            self = .apiKey(id)
        } else {
            guard let topic = json["topic"]?.string.flatMap({ try? Topic($0) }),
                let key = json["key"]?.string.flatMap({ Key(utf8: $0.utf8) })
            else { return nil }
            var session: Session?
            if let name = json["session"] {
                session = name.string.flatMap { Session(utf8: $0.utf8) }
                if session == nil { return nil }
            }
            self = .removed(key, session, from: topic)
        }
    }
}
