"""Attribution methods: their contract, and what several of them share."""
