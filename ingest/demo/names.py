"""Names of people by culture. Made up by drawing: whoever finds a namesake has met a coincidence."""

from typing import Final

# culture -> (women's first names, men's first names, last names)
NAMES: Final[dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]]] = {
    "tr": (
        ("Ayşe", "Zeynep", "Elif", "Defne", "Gülşah", "Merve", "İrem", "Nazlı"),
        ("Mehmet", "Emre", "Can", "Burak", "Ozan", "Kerem", "İlker", "Yiğit"),
        ("Yılmaz", "Kaya", "Demir", "Çelik", "Şahin", "Öztürk", "Aydın", "Işık", "Güneş", "Koç"),
    ),
    "de": (
        ("Anna", "Lena", "Greta", "Mareike", "Jule", "Käthe"),
        ("Jonas", "Felix", "Moritz", "Jürgen", "Lukas", "Till"),
        ("Müller", "Schäfer", "Weiß", "Vogel", "Brandt", "Köhler", "Fuchs", "Lang"),
    ),
    "nl": (
        ("Sanne", "Femke", "Lotte", "Noor"),
        ("Daan", "Bram", "Sem", "Joost"),
        ("de Vries", "van Dijk", "Bakker", "Visser", "ter Horst"),
    ),
    "en": (
        ("Olivia", "Harper", "Maya", "Chloe", "Ruby", "Nora", "Grace"),
        ("James", "Liam", "Owen", "Noah", "Ethan", "Declan", "Theo"),
        ("Carter", "O'Hara", "Bennett", "Walsh", "Nguyen", "Patel", "Brooks", "Reid", "Lindqvist"),
    ),
    "fr": (
        ("Chloé", "Inès", "Manon", "Zoé"),
        ("Théo", "Louis", "Hugo", "Loïc"),
        ("Lefèvre", "Moreau", "Garnier", "Dubois", "N'Diaye"),
    ),
    "it": (
        ("Giulia", "Chiara", "Sofia", "Bianca"),
        ("Luca", "Matteo", "Niccolò", "Enzo"),
        ("Rossi", "Ferrari", "Conti", "Esposito", "D'Angelo"),
    ),
    "es": (
        ("Lucía", "Carmen", "Ximena", "Núria"),
        ("Álvaro", "Diego", "Íñigo", "Mateo"),
        ("García", "Muñoz", "Hernández", "Ortega", "Ibáñez"),
    ),
    "lv": (
        ("Anna", "Līga", "Kristīne", "Elīna"),
        ("Jānis", "Mārtiņš", "Kārlis", "Toms"),
        ("Bērziņš", "Kalniņš", "Ozols", "Liepiņš"),
    ),
    "sv": (
        ("Astrid", "Ebba", "Linnéa", "Maja"),
        ("Oskar", "Axel", "Björn", "Göran"),
        ("Lindström", "Sjöberg", "Åkesson", "Nyström"),
    ),
    "pl": (
        ("Zofia", "Małgorzata", "Julia", "Hanna"),
        ("Jakub", "Wojciech", "Łukasz", "Kacper"),
        ("Kowalska", "Wiśniewski", "Dąbrowski", "Zając"),
    ),
    "az": (
        ("Aysel", "Günel", "Leyla"),
        ("Rəşad", "Elçin", "Tural"),
        ("Əliyev", "Məmmədov", "Quliyev"),
    ),
    "ar": (
        ("مريم", "Layla", "Huda"),
        ("أحمد", "Omar", "Khalid"),
        ("الهاشمي", "Haddad", "Al Mansoori"),
    ),
    "ja": (
        ("さくら", "美咲", "陽菜"),
        ("大翔", "健太", "蓮"),
        ("佐藤", "鈴木", "高橋", "田中"),
    ),
    "ko": (
        ("서연", "지우", "하은"),
        ("민준", "도윤", "현우"),
        ("김", "이", "박", "최"),
    ),
    "hi": (
        ("Ananya", "Priya", "Meera"),
        ("Arjun", "Rohan", "Vikram"),
        ("Sharma", "Iyer", "Reddy", "Nair"),
    ),
    "pt": (
        ("Beatriz", "Larissa", "Antônia"),
        ("João", "Thiago", "Caetano"),
        ("Souza", "Araújo", "Conceição", "Lima"),
    ),
}  # fmt: skip

ORGANIZATIONS: Final = (
    "Nordlicht GmbH",
    "Bosphorus Labs",
    "Harbour & Pine",
    "Kedi Yazılım",
    "Studio Ünal",
    "Acme Rail",
)
