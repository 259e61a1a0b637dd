"""Where handlers find the config of their application."""

from aiohttp import web

from antiphon_compat.config import CompatConfig

CONFIG_KEY = web.AppKey("config", CompatConfig)
MIB = 1024 * 1024
