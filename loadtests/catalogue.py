"""The catalogue of the load tests; pure."""


def catalogue(products: int) -> str:
    """Return a catalogue file with this many products of one variant each."""
    lines = ["id,title,description,availability,condition,price,link,image_link,brand,quantity_to_sell_on_facebook"]
    for number in range(1, products + 1):
        link = f"https://shop.example.com/{number}"
        price = f"{10 + number}.00 EUR"
        lines.append(f"LOAD-{number:03},Load product {number},For a test.,in stock,new,{price},{link},,Load,50")
    return "\n".join(lines) + "\n"
