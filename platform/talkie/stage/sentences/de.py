"""German sentences: every phone of standard German occurs in SENTENCES."""

SENTENCES: tuple[str, ...] = (
    "Der junge Bäcker bringt morgens früh zwölf frische Brötchen.",
    "Möchten Sie lieber Kaffee, Tee oder ein Glas Apfelsaft?",
    "Ich weiß nicht, ob das Wetter am Wochenende schön bleibt.",
    "Auf dem Dach sitzt ein kleiner schwarzer Vogel und singt.",
    "Meine Mutter hat fünf Pfund Pflaumen und Pfirsiche gekauft.",
    "Heute Nachmittag besuchen wir unsere Freunde in Köln.",
    "Die Königin trägt ein grünes Kleid und einen goldenen Ring.",
    "Bitte machen Sie die Tür leise zu, das Baby schläft noch.",
    "Zwei Züge fuhren gleichzeitig über die lange Brücke.",
    "Er sprach nach dem Essen noch lange mit euch über Bücher.",
    "In der Garage steht ein gelbes Auto mit einem platten Reifen.",
    "Warum hast du mir gestern Abend nichts davon erzählt?",
    "Die Journalistin genießt eine Orange auf der Etage.",
    "Jedes Jahr fahren viele Menschen ans Meer oder in die Berge.",
    "Neun höfliche Schüler hörten der Lehrerin aufmerksam zu.",
    "Der Dschungel ist voller Käfer, Frösche und bunter Affen.",
)

EMOTIONAL: dict[str, tuple[str, ...]] = {
    "happy": ("Wir haben gewonnen, ich kann es kaum glauben!", "Was für ein wunderbarer Morgen, komm, wir tanzen!"),
    "sad": ("Sie ist gegangen, und das Haus ist still geworden.", "Ich vermisse ihn jeden Tag ein wenig mehr."),
    "angry": ("Hör endlich auf, mich vor allen zu belügen!", "Das ist das letzte Mal, dass du mein Auto nimmst!"),
    "surprised": ("Du hier, mitten in der Nacht, wie bist du hergekommen?", "Sieh nur, über Nacht blüht alles!"),
    "afraid": ("Sei bitte leise, ich glaube, im Keller ist jemand.", "Beweg dich nicht, das Eis bricht unter mir."),
    "disgusted": (
        "Die Milch ist sauer, nimm sie weg.",
        "Hinter der Wanne ist Schimmel, und es riecht nach Fisch.",
    ),
    "contempt": ("Ach bitte, das hätte meine Großmutter besser gemacht.", "So etwas nennst du also ehrliche Arbeit."),
}
