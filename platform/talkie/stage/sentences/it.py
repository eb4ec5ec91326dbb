"""Italian sentences: every phone of standard Italian occurs in SENTENCES."""

SENTENCES: tuple[str, ...] = (
    "Buongiorno, ha dormito bene questa notte?",
    "La bambina disegna una montagna con la matita azzurra.",
    "Mio fratello maggiore lavora in una vecchia fabbrica.",
    "Gli amici mangiano una pizza e bevono un bicchiere di vino.",
    "Oggi piove molto, ma domani ci sarà un bel sole.",
    "Il cane corre veloce dietro alla palla rossa.",
    "Puoi aprire la finestra? Qui fa troppo caldo.",
    "Cinque ragazzi giocano a carte ogni giovedì sera.",
    "Ho comprato il pane, il formaggio e due chili di mele.",
    "La famiglia sceglie sempre lo stesso posto sulla spiaggia.",
    "Zia Maria prepara gli gnocchi con il sugo di pesce.",
    "Quanto costa questo quadro con i cavalli bianchi?",
    "Lo sciatore scende dalla pista in pochi minuti.",
    "Le foglie gialle cadono piano nel giardino silenzioso.",
    "Vorrei un tè caldo, per favore, e anche un po' di zucchero.",
    "Il treno per Genova parte alle otto e arriva a mezzogiorno.",
)

EMOTIONAL: dict[str, tuple[str, ...]] = {
    "happy": ("Abbiamo vinto, è il giorno più bello della mia vita!", "Che mattina splendida, vieni, balliamo!"),
    "sad": ("È partita senza una parola e la casa è vuota.", "Mi manca ogni giorno un po' di più."),
    "angry": ("Smettila di mentirmi davanti a tutti!", "È l'ultima volta che prendi la mia macchina!"),
    "surprised": ("Tu qui, in piena notte? Ma come hai fatto?", "Guarda, tutto il giardino è fiorito di colpo!"),
    "afraid": ("Fai piano, credo che ci sia qualcuno in cantina.", "Non muoverti, il ghiaccio si rompe sotto di me."),
    "disgusted": ("Questo latte è acido, portalo via.", "C'è la muffa dietro la vasca e puzza di pesce."),
    "contempt": ("Ma per favore, mia nonna l'avrebbe fatto meglio.", "E questo tu lo chiami un lavoro onesto."),
}
