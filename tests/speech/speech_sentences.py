"""Sentences of our own that use the sounds of each language; what must hold of them is tested elsewhere."""

SENTENCES: dict[str, tuple[str, ...]] = {
    "en-us": (
        "Peter Piper picked a pack of cheap tickets, but Bob kept two.",
        "The judge measured the thick leather, then yawned over a huge bowl of good fish soup.",
    ),
    "en-gb": (
        "Peter Piper picked a pack of cheap tickets, but Bob kept two.",
        "The poor nurse parked her car near the harbour tower, bought a hot bath towel and thought of fire.",
    ),
    "de": (
        "Ich möchte über fünf schöne Bücher sprechen, doch die Pfanne kocht zwei Tage auf Deutsch.",
        "Der Junge trägt heute weiße Höschen, eine Orange, das Manuskript und ein Restaurant am Bach.",
        "Acht Köche packten tapfer die Töpfe in den dicken Topf, bis Opa gähnte und Zucker suchte.",
    ),
    "fr": (
        "Un bon vin blanc, je veux manger deux œufs sous la lune avec huit agneaux gris.",
        "Hier, la jeune fille a vu un grand oiseau rouge près du château, puis elle a rêvé de pain.",
        "Le chef prépare une soupe épaisse pour toute la famille du quartier.",
    ),
    "es": (
        "El perro y el niño llaman al cielo, pero la gente dice que hoy no hay agua.",
        "Mi abuelo compró cinco zapatos rojos, un queso pequeño y chocolate para Europa.",
        "Dos gatos tocan la puerta cuando pasa el coche.",
    ),
    "it": (
        "Gli gnocchi della nonna piacciono allo zio, che cena sempre con il gatto.",
        "La ragazza sceglie una giacca rossa, poi va a scuola e beve un bicchiere di acqua.",
        "Otto topi piccoli portano la pasta tutta cotta dentro la casa bianca.",
    ),
    "pt": (
        "Não há pão na mesa, mãe, mas o ninho do pássaro tem muitos ovos.",
        "O rapaz bebe um chá quente e joga xadrez com a filha do rei, que põe limões na água.",
        "Quatro patos pequenos tocam piano no parque.",
    ),
    "nl": (
        "De goede huizen aan de gracht zijn duur, maar leuk voor acht schippers.",
        "Mijn jongen koopt een oude fiets, vijf eieren, zoute vis en een groene jas.",
        "Op de tafel staat een pot koffie met twee koppen thee.",
    ),
    "pl": (
        "Dzień dobry, szczęście to ciepła żaba, która śpi w trawie.",
        "Moja siostra kupiła sześć pączków, dżem, chleb i źdźbło zielonej mięty.",
        "Kot pije z kubka, a pies patrzy na tatę i gryzie gęś.",
    ),
}
