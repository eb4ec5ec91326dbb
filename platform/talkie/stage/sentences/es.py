"""Spanish sentences: every phone of Castilian Spanish occurs in SENTENCES."""

SENTENCES: tuple[str, ...] = (
    "Buenos días, ¿ha dormido usted bien esta noche?",
    "El perro corre rápido por la calle detrás de la pelota.",
    "Mi hermano pequeño come chocolate y manzanas rojas.",
    "La niña dibuja una montaña con un lápiz azul.",
    "Hoy llueve mucho, pero mañana hará un sol espléndido.",
    "Cinco jóvenes viajan en tren hacia la ciudad de Zaragoza.",
    "¿Puedes abrir la ventana? Hace demasiado calor aquí.",
    "El ferrocarril cruza el ancho puente a las ocho y cuarto.",
    "Compré pan, queso, jamón y una botella de vino blanco.",
    "La guitarra vieja guarda muchos recuerdos de mi abuelo.",
    "Juan y Sara bailan juntos en la fiesta del pueblo.",
    "El cielo gris anuncia una tormenta fuerte de verano.",
    "Ningún vecino oyó el ruido de los coches anoche.",
    "Yo quiero llegar temprano para hablar contigo.",
    "El agua del río baja clara y fría desde la sierra.",
    "Me gusta leer un buen libro cuando hay silencio.",
)

EMOTIONAL: dict[str, tuple[str, ...]] = {
    "happy": ("¡Hemos ganado, es el mejor día de mi vida!", "¡Qué mañana tan bonita, ven, vamos a bailar!"),
    "sad": ("Se marchó sin decir nada y la casa quedó vacía.", "Le echo de menos cada día un poco más."),
    "angry": ("¡Deja de mentirme delante de todo el mundo!", "¡Es la última vez que te llevas mi coche!"),
    "surprised": ("¿Tú aquí, en plena noche? ¿Cómo has llegado?", "¡Mira, todo el jardín ha florecido de golpe!"),
    "afraid": (
        "Calla, creo que hay alguien en el sótano.",
        "No te muevas, el hielo se rompe bajo mis pies.",
    ),
    "disgusted": ("Esta leche está agria, llévatela de aquí.", "Hay moho detrás de la bañera y huele a pescado."),
    "contempt": ("Por favor, mi abuela lo habría hecho mejor.", "Así que a esto lo llamas un trabajo honrado."),
}
