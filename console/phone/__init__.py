"""Clinicians on the phone, inside WeCom: what waits, one alert, one patient, the talk; and the page beside a WeCom chat."""

from console.phone.alert import ROUTES as ALERT
from console.phone.beside import ROUTES as BESIDE
from console.phone.home import ROUTES as HOME
from console.phone.patient import ROUTES as PATIENT
from console.phone.send import ROUTES as SEND
from console.phone.talk import ROUTES as TALK

ROUTES = (*HOME, *ALERT, *PATIENT, *TALK, *BESIDE, *SEND)
