"""French sentences: every phone of standard French occurs in SENTENCES."""

SENTENCES: tuple[str, ...] = (
    "Bonjour, est-ce que vous avez bien dormi cette nuit ?",
    "Un bon vin blanc accompagne parfaitement le poisson.",
    "La petite fille cueille des fleurs jaunes dans le jardin.",
    "Huit heureux voisins jouent aux cartes le jeudi soir.",
    "Mon frère aîné travaille dans une usine près de la gare.",
    "Il pleut beaucoup en automne, surtout à la montagne.",
    "Le chat gris dort au chaud sous la vieille chaise en bois.",
    "Nous mangeons du pain, du beurre et de la confiture de prunes.",
    "Peux-tu ouvrir la fenêtre, il fait trop chaud ici.",
    "Chaque matin, le facteur apporte une lettre ou un journal.",
    "Les garçons chantent une chanson au bord de la rivière.",
    "Voilà trois oiseaux rouges qui volent vers le soleil.",
    "Ma sœur a peur des chiens, mais elle aime les agneaux.",
    "Quelle heure est-il, s'il vous plaît, madame ?",
    "Le parfum brun de ce lundi embaume toute la rue.",
    "Zoé a vu un zèbre et deux girafes au zoo de Lyon.",
)

EMOTIONAL: dict[str, tuple[str, ...]] = {
    "happy": ("On a gagné, c'est le plus beau jour de ma vie !", "Quel matin magnifique, viens, on va danser !"),
    "sad": ("Elle est partie sans un mot, la maison est vide.", "Il me manque un peu plus chaque jour."),
    "angry": ("Arrête de me mentir devant tout le monde !", "C'est la dernière fois que tu prends ma voiture !"),
    "surprised": ("Toi ici, en pleine nuit, mais comment as-tu fait ?", "Regarde, tout le jardin a fleuri d'un coup !"),
    "afraid": ("Tais-toi, je crois qu'il y a quelqu'un à la cave.", "Ne bouge pas, la glace se brise sous mes pieds."),
    "disgusted": ("Ce lait a tourné, enlève-le de là.", "Il y a du moisi derrière la baignoire, ça sent le poisson."),
    "contempt": ("Franchement, ma grand-mère aurait fait mieux.", "Voilà donc ce que tu appelles un travail honnête."),
}
