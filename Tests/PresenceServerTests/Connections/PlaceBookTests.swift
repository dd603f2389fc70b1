// Rollcall · PresenceServerTests

import Access
import Testing

@testable import PresenceServer

@Suite("The places of connections")
struct PlaceBookTests {
    private let address = ClientAddress("203.0.113.7")

    @Test func `connections beyond the limit of the node are not regular until one closes`() {
        var book = PlaceBook(maximum: 2, maximumOfAddress: .max, reserve: 4)
        for id in 0..<2 { #expect(book.open(id, from: nil) == .init(place: .regular, closing: nil)) }
        #expect(book.open(2, from: nil) == .init(place: .beyondNode, closing: nil))
        book.close(0, at: .regular, from: nil)
        #expect(book.open(3, from: nil).place == .regular)
        book.close(2, at: .beyondNode, from: nil)
        #expect(book.open(4, from: nil).place == .beyondNode)
    }

    @Test func `the oldest connection beyond a limit closes when there are too many`() {
        var book = PlaceBook(maximum: 0, maximumOfAddress: .max, reserve: 2)
        for id in 0..<2 { #expect(book.open(id, from: nil).closing == nil) }
        #expect(book.open(2, from: nil).closing == 0)
        book.close(0, at: .beyondNode, from: nil)
        book.close(1, at: .beyondNode, from: nil)
        #expect(book.open(3, from: nil).closing == nil)
        #expect(book.open(4, from: nil).closing == 2)
    }

    @Test func `an address at its limit leaves the connections of others regular`() {
        var book = PlaceBook(maximum: 4, maximumOfAddress: 2, reserve: 4)
        for id in 0..<2 { #expect(book.open(id, from: address).place == .regular) }
        #expect(book.open(2, from: address).place == .beyondAddress)
        #expect(book.open(3, from: ClientAddress("203.0.113.8")).place == .regular)
        #expect(book.open(4, from: nil).place == .regular)
        #expect(book.open(5, from: nil).place == .beyondNode)
        book.close(0, at: .regular, from: address)
        #expect(book.open(6, from: address).place == .regular)
        #expect(book.open(7, from: address).place == .beyondAddress)
    }
}
