"""Pictures that families might send, drawn instead of photographed: devices, lab reports, and a camera that spoils them."""
