// Rollcall · PresenceStoreTests

import PresenceModel
import Testing

@testable import PresenceStore

@Suite("The book of bound presences")
struct LeaseBookTests {
    let owner = StreamOwner.random()

    func bind(_ member: Member, on topic: Topic, ttl: Int = 30, owner: StreamOwner? = nil, in book: inout LeaseBook) {
        book.bind(
            member, on: topic, owner: owner ?? self.owner, ttl: ttl,
            presence: Presence(ref: .random(), meta: .empty)
        ) {}
    }

    @Test(arguments: [5, 30, 300])
    func `Each presence is due exactly once in a third of its ttl`(_ ttl: Int) throws {
        var book = LeaseBook()
        let topics = try (0..<50).map { try Topic("topic \($0)") }
        for topic in topics { bind(try Member("alice"), on: topic, ttl: ttl, in: &book) }
        let period = ttl / 3
        for round in 0..<3 {
            let due = (1...period).flatMap { book.advance(to: round * period + $0) }
            #expect(due.map(\.topic).sorted() == topics.sorted())
            #expect(due.allSatisfy { $0.lease == ttl })
        }
    }

    @Test func `Presences of missed ticks are due at the next tick, each once`() throws {
        var book = LeaseBook()
        for number in 0..<40 { bind(try Member("alice"), on: try Topic("\(number)"), in: &book) }
        let due = [1000, 1000, 1001, 1010].map { book.advance(to: $0).count }
        #expect(due[0] == 40 && due[1] == 0 && due[2] + due[3] == 40)
    }

    @Test func `Many topics are spread evenly over the ticks`() throws {
        var book = LeaseBook()
        for number in 0..<10_000 { bind(try Member("alice"), on: try Topic("\(number)"), in: &book) }
        let due = (1...10).map { book.advance(to: $0).count }
        #expect(due.allSatisfy { (800...1200).contains($0) })
    }

    @Test func `Members of a topic with the same ttl share calls of at most 500`() throws {
        var book = LeaseBook()
        let topic = try Topic("room")
        for number in 0..<1100 { bind(try Member("\(number)"), on: topic, in: &book) }
        for number in 0..<3 { bind(try Member("short \(number)"), on: topic, ttl: 6, in: &book) }
        #expect(book.count == 1103)
        #expect(book.all().map(\.members.count).sorted() == [3, 100, 500, 500])
        #expect(Set(book.all().flatMap { $0.members.map(\.member) }).count == 1103)
    }

    @Test func `A new ttl of a binding applies to that stream only`() throws {
        var book = LeaseBook()
        let (topic, alice, other) = (try Topic("room"), try Member("alice"), StreamOwner.random())
        bind(alice, on: topic, ttl: 300, in: &book)
        bind(alice, on: topic, ttl: 300, owner: other, in: &book)
        book.renew(alice, on: topic, owner: owner, by: 30)
        let due = (1...100).flatMap { book.advance(to: $0) }.flatMap { $0.members.map(\.owner) }
        #expect(due.count { $0 == owner } == 10 && due.count { $0 == other } == 1 && book.count == 2)
        book.renew(alice, on: topic, owner: .random(), by: 30)
        #expect(book.count == 2)
    }

    @Test func `Two streams of a session have separate bindings, and the end of one keeps the other`()
        throws
    {
        var book = LeaseBook()
        let (topic, alice, newer) = (try Topic("room"), try Member("alice"), StreamOwner.random())
        bind(alice, on: topic, in: &book)
        bind(alice, on: topic, ttl: 60, owner: newer, in: &book)
        let newest = Presence(ref: .random(), meta: .empty)
        book.refresh(alice, on: topic, presence: newest)
        #expect(book.count == 2)
        #expect(Set(book.all().flatMap { $0.members.map(\.owner) }) == [owner, newer])
        #expect([owner, newer].allSatisfy { book.binding(of: alice, on: topic, owner: $0)?.presence == newest })

        let older = book.unbind(alice, on: topic, owner: owner)
        let again = book.unbind(alice, on: topic, owner: owner)
        #expect(older?.ttl == 30 && again == nil)
        #expect(book.all().map { $0.members.map(\.owner) } == [[newer]])
        #expect(book.all().map(\.lease) == [60])
        let own = book.unbind(alice, on: topic, owner: newer)
        let due = book.advance(to: 100)
        #expect(own != nil && book.count == 0 && book.all().isEmpty && due.isEmpty)
    }

    @Test func `A stream that binds again replaces only its own binding`() throws {
        var book = LeaseBook()
        let (topic, alice) = (try Topic("room"), try Member("alice"))
        for owner in [owner, .random()] { bind(alice, on: topic, owner: owner, in: &book) }
        bind(alice, on: topic, ttl: 60, in: &book)
        #expect(book.all().map(\.lease).sorted() == [30, 60])
        #expect(book.binding(of: alice, on: topic, owner: owner)?.ttl == 60)
    }

    @Test func `A missing claim is returned once, and only while it is bound`() throws {
        var book = LeaseBook()
        let (topic, alice, bob) = (try Topic("room"), try Member("alice"), try Member("bob"))
        bind(alice, on: topic, in: &book)
        bind(bob, on: topic, in: &book)
        for member in [alice, alice, bob] { book.suspect(LeaseBook.Claim(member: member, owner: owner), on: topic) }
        book.unbind(bob, on: topic, owner: owner)
        let (first, second) = (book.takeSuspects(), book.takeSuspects())
        #expect(first.map(\.claims) == [[LeaseBook.Claim(member: alice, owner: owner)]])
        #expect(second.isEmpty)
    }

    @Test func `Each stream of a lost presence has its own claim, so that all become holders again`() throws {
        var book = LeaseBook()
        let (topic, alice) = (try Topic("room"), try Member("alice"))
        let owners = (0..<5).map { _ in StreamOwner.random() }
        for owner in owners { bind(alice, on: topic, owner: owner, in: &book) }
        for owner in owners { book.suspect(LeaseBook.Claim(member: alice, owner: owner), on: topic) }
        let claims = book.takeSuspects().flatMap(\.claims)
        #expect(Set(claims.map(\.owner)) == Set(owners))
    }
}
