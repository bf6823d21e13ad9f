"""A mock of carriers: one inventory behind the number APIs of Twilio and Telnyx, with faults on demand.

Touches: nothing.

It is an entry point of its own, beside api and worker, and knows nothing of accounts, orders or books. From the
bottom up:

    model, places, prices, digits     values, data, and how digits are searched for
    inventory, generate               what can be sold
    changes, books, journal           what was sold, as a list of changes, which a file may keep
    faults, settings, holdings        what goes wrong, what is set, and every decision
    exchange, twilio*, telnyx*, control   requests and answers, as values
    carriers                          a request in, what is sent back and how out: all of it without a socket
    delivery, http1, running          sockets, to the byte
"""
